import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { averageCurve, type CurvePoint, widen, windowFor } from '../../../../bench/learn/curves.js';

const point = (samples: number, sgd: number, auto = sgd): CurvePoint => ({ samples, accuracy: { sgd, auto } });

describe('curves of bench:learn', () => {
  it('look back on a tenth of the stream, in hundreds', () => {
    assert.deepEqual([200, 2020, 3200].map(windowFor), [100, 200, 300]);
  });

  it('make a long window of the short ones that lie in it side by side', () => {
    const points = [point(100, 0.2), point(150, 0.3), point(200, 0.6), point(250, 0.5), point(300, 0.8)];
    assert.deepEqual(
      widen(points, 200).filter(({ samples }) => samples >= 200),
      [point(200, 0.4), point(250, 0.4), point(300, 0.7)],
    );
  });

  it('take all samples so far while the window is not full, each once', () => {
    const [first, second, third, ...others] = widen([point(20, 1), point(80, 0.5), point(120, 0.5)], 200);
    assert.deepEqual([first, second], [point(20, 1), point(80, 0.5)]);
    // 20 samples at 1, then 100 at 0.5.
    assert.ok(Math.abs(third!.accuracy.sgd! - 70 / 120) < 1e-9);
    assert.deepEqual(others, []);
  });

  it('leave out points whose window has a gap', () => {
    assert.deepEqual(widen([point(100, 0.5), point(150, 0.5)], 200), [point(100, 0.5)]);
  });

  it('are the mean of the passes where all have a point', () => {
    const curve = averageCurve([
      [point(100, 0.2, 0.4), point(120, 0.4, 0.6), point(131, 0.9)],
      [point(100, 0.4, 0.8), point(120, 0.8, 1), point(130, 0.1)],
    ]);
    assert.equal(curve.window, 100);
    assert.deepEqual(curve.samples, [100, 120]);
    const lines = new Map(
      curve.lines.map(({ name, accuracy }) => [name, accuracy.map((value) => Number(value.toFixed(9)))]),
    );
    assert.deepEqual(lines.get('sgd'), [0.3, 0.6]);
    assert.deepEqual(lines.get('auto'), [0.6, 0.8]);
  });
});
