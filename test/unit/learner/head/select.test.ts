import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selectInPlace } from '../../../../src/learner/head/select.js';
import { seededRandom } from '../../../../src/server/data/random.js';

/** A list in each of the orders that make a careless selection slow, or wrong. */
function orders(length: number): Record<string, number[]> {
  const random = seededRandom(length);
  const rising = Array.from({ length }, (_, i) => i);
  return {
    'in any order': rising.map(() => random()),
    rising,
    falling: [...rising].reverse(),
    'a pipe organ': rising.map((i) => Math.min(i, length - i)),
    equal: rising.map(() => 7),
    'a few values': rising.map(() => Math.floor(random() * 3)),
    'with infinity': rising.map((i) => (i % 5 === 0 ? Number.POSITIVE_INFINITY : random())),
  };
}

test('finds what a sort finds, at every index', () => {
  for (const length of [1, 2, 3, 10, 101]) {
    for (const [name, values] of Object.entries(orders(length))) {
      const sorted = Float64Array.from(values).sort();
      for (let index = 0; index < length; index++) {
        assert.equal(selectInPlace(Float64Array.from(values), index), sorted[index], `${name}, ${length}, ${index}`);
      }
    }
  }
});

/**
 * Values on which the middle one of what is left is always the smallest: each is given its rank when the selection takes it for its pivot.
 * Without a way out, selecting the largest takes as many rounds as there are values.
 */
function unluckyFor(length: number): Float64Array {
  const places = Array.from({ length }, (_, i) => i);
  const values = new Float64Array(length);
  for (let first = 0; first < length; first++) {
    const middle = (first + length - 1) >>> 1;
    values[places[middle]!] = first;
    [places[first], places[middle]] = [places[middle]!, places[first]!];
  }
  return values;
}

test('an order that somebody chose is sorted in the end', () => {
  const length = 4096;
  const values = unluckyFor(length);
  assert.deepEqual(
    values.slice().sort(),
    Float64Array.from({ length }, (_, i) => i),
  );
  assert.equal(selectInPlace(values.slice(), length - 1), length - 1);
});
