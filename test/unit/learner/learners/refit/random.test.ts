import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../../../src/learner/learners/refit/random.js';

test('draws each number below the bound about as often', () => {
  const random = Random.seeded(7);
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i++) {
    const drawn = random.below(10);
    counts[drawn] = counts[drawn]! + 1;
  }
  // 1000 each, with a standard deviation of 30.
  for (const count of counts) assert.ok(Math.abs(count - 1000) < 120, `${counts}`);
});

test('goes on where its words were taken', () => {
  const random = Random.seeded(3);
  for (let i = 0; i < 100; i++) random.below(5);
  const restored = Random.restore(random.words());
  for (let i = 0; i < 100; i++) assert.equal(restored.below(1000), random.below(1000));
});

// The numbers are of the authors' C code (xoshiro128starstar.c, state 1, 2, 3, 4): the first results of next().
test('is xoshiro128**', () => {
  const random = Random.restore([1, 2, 3, 4]);
  const drawn = Array.from({ length: 4 }, () => random.below(2 ** 32));
  assert.deepEqual(drawn, [11520, 0, 5927040, 70819200]);
});
