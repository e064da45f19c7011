import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, summariseRatios } from '../../../loadtest/ratios.js';

test('ratios are of neighbours in time, not of means', () => {
  const {
    ratios,
    median: middle,
    min,
    max,
  } = summariseRatios([
    { server: 90, loop: 100 },
    { server: 40, loop: 50 },
    { server: 100, loop: 100 },
  ]);
  assert.deepEqual(ratios, [0.9, 0.8, 1]);
  assert.deepEqual([middle, min, max], [0.9, 0.8, 1]);
});

test('the median of an even count is the mean of the middle two', () => {
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.ok(Number.isNaN(median([])));
});
