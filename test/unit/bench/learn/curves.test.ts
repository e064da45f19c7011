import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { averageCurve, type CurvePoint, widen, windowFor } from '../../../../bench/learn/curves.js';

const point = (samples: number, sgd: number, auto = sgd): CurvePoint => ({ samples, accuracy: { sgd, auto } });

describe('curves of bench:learn', () => {
  it('look back on a twentieth of the stream, in hundreds', () => {
    assert.deepEqual([200, 2020, 3200].map(windowFor), [100, 100, 200]);
  });

  it('make a long window of the short ones that lie in it side by side', () => {
    const points = [point(100, 0.2), point(150, 0.3), point(200, 0.6), point(250, 0.5), point(300, 0.8)];
    assert.deepEqual(widen(points, 200), [point(200, 0.4), point(250, 0.4), point(300, 0.7)]);
  });

  it('leave out points whose window is not full', () => {
    assert.deepEqual(widen([point(20, 0.1), point(80, 0.5), point(100, 0.5)], 100), [point(100, 0.5)]);
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
