import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, relativeDifference } from '../../../src/engine/statistics.js';

test('median of odd, even and no values', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.ok(Number.isNaN(median([])));
});

test('the difference is relative to the largest value of the reference', () => {
  assert.equal(relativeDifference([1, 4.5], [1, 4]), 0.125);
  assert.equal(relativeDifference(Float32Array.of(1, -3.5), Float32Array.of(1, -4)), 0.125);
  assert.equal(relativeDifference([0, 0], [0, 0]), 0);
  assert.equal(relativeDifference([1], [0]), Number.POSITIVE_INFINITY);
});

test('the difference hides neither NaN, nor infinity, nor a wrong length', () => {
  for (const [values, reference] of [
    [
      [1, Number.NaN],
      [1, 2],
    ],
    [
      [1, 2],
      [Number.NaN, 2],
    ],
    [
      [Number.NaN, 1],
      [1, 2],
    ],
    [
      [1, Number.POSITIVE_INFINITY],
      [1, Number.POSITIVE_INFINITY],
    ],
    [[1], [1, 1]],
  ] as const) {
    assert.ok(Number.isNaN(relativeDifference(values, reference)), `${values} and ${reference}`);
  }
});
