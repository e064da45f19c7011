import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { interleave, timeRatio } from '../../../bench/measure/interleave.js';
import { correlation, quantile, spread } from '../../../bench/measure/statistics.js';

describe('statistics', () => {
  it('quantiles lie linearly between neighbours', () => {
    assert.equal(quantile([4, 1, 3, 2], 0.5), 2.5);
    assert.equal(quantile([4, 1, 3], 0.5), 3);
    assert.equal(quantile([0, 10, 20, 30, 40], 0.99), 39.6);
    assert.equal(quantile([7], 0.99), 7);
    assert.ok(Number.isNaN(quantile([], 0.5)));
    assert.deepEqual(spread([3, 1, 2]), { median: 2, min: 1, max: 3 });
  });

  it('correlation is 1 for a scaled copy, -1 for its mirror', () => {
    const values = Float32Array.of(1, 5, 2, 4);
    assert.ok(
      Math.abs(
        correlation(
          values,
          values.map((value) => 3 * value + 1),
        ) - 1,
      ) < 1e-6,
    );
    assert.ok(
      Math.abs(
        correlation(
          values,
          values.map((value) => -value),
        ) + 1,
      ) < 1e-6,
    );
  });
});

describe('interleaving', () => {
  it('gives each a turn a round, every second round backwards', async () => {
    const order: string[] = [];
    const contestant = (name: string) => ({ name, turn: async () => order.push(name) });
    const rounds = await interleave([contestant('a'), contestant('b'), contestant('c')], { rounds: 3, restMs: 0 });
    assert.equal(order.join(''), 'abccbaabc');
    assert.deepEqual(rounds, [
      { a: 1, b: 2, c: 3 },
      { c: 4, b: 5, a: 6 },
      { a: 7, b: 8, c: 9 },
    ]);
  });

  it('compares neighbours in time, not means', () => {
    const rounds = [
      { ours: 1, theirs: 4 },
      { ours: 10, theirs: 20 },
      { ours: 2, theirs: 6 },
    ];
    assert.deepEqual(timeRatio(rounds, 'theirs', 'ours'), { median: 3, min: 2, max: 4 });
    assert.equal(timeRatio(rounds, 'theirs', 'absent'), undefined);
  });
});
