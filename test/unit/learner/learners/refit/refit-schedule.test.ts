import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstRefitAt, planRefit } from '../../../../../src/learner/learners/refit/refit-schedule.js';

/** Of a head of a hundred classes. */
function usual(extent: number) {
  return { extent, weights: 100_000, choosing: false };
}

/** Starts and installations of a stream of so many samples. */
function schedule(growth: number, delay: number, capacity: number, samples: number): { start: number; due: number }[] {
  const refits: { start: number; due: number }[] = [];
  let start = firstRefitAt;
  while (start <= samples) {
    const { dueAt, nextAt } = planRefit(start, usual(Math.min(start, capacity)), { growth, delay, capacity });
    refits.push({ start, due: dueAt });
    start = nextAt;
  }
  return refits;
}

test('starts grow geometrically, and each refit is installed a fixed fraction of its start later', () => {
  assert.deepEqual(schedule(1.5, 0.1, 1e6, 1000).slice(-4), [
    { start: 216, due: 248 },
    { start: 324, due: 357 },
    { start: 486, due: 535 },
    { start: 729, due: 802 },
  ]);
});

test('the first refits have time, too, and with a choice of the penalty twice as much', () => {
  assert.deepEqual(schedule(1.5, 0.1, 1e6, 200), [
    { start: 32, due: 64 },
    { start: 64, due: 96 },
    { start: 96, due: 128 },
    { start: 144, due: 176 },
  ]);
  const options = { growth: 1.2, delay: 0.15, capacity: 1e6 };
  for (const samples of [40, 4000]) {
    const [plain, choosing] = [false, true].map((chooses) =>
      planRefit(samples, { ...usual(samples), choosing: chooses }, options),
    );
    assert.equal(choosing!.dueAt - samples, 2 * (plain!.dueAt - samples));
  }
});

test('without a delay, a refit is due at once', () => {
  for (const chooses of [false, true]) {
    assert.equal(
      planRefit(32, { ...usual(32), choosing: chooses }, { growth: 1.2, delay: 0, capacity: 1e6 }).dueAt,
      32,
    );
  }
});

test('with a full reservoir, the intervals stay as they are', () => {
  const starts = schedule(1.5, 0.5, 100, 1000).map(({ start }) => start);
  const last = starts.slice(-5);
  for (let i = 1; i < last.length; i++) assert.equal(last[i]! - last[i - 1]!, 50);
});

test('none starts before the one before it is installed, whatever the options are', () => {
  for (const growth of [1.05, 1.2, 2, 10]) {
    for (const delay of [0, 0.01, 0.3, 1]) {
      for (const capacity of [1, 40, 1e6]) {
        const refits = schedule(growth, delay, capacity, 3000);
        for (let i = 1; i < refits.length; i++) {
          assert.ok(refits[i]!.start >= refits[i - 1]!.due && refits[i]!.start > refits[i - 1]!.start);
        }
      }
    }
  }
});

test('the cost of refits for each sample of the stream is bounded', () => {
  for (const capacity of [500, 1e6]) {
    const work = schedule(1.25, 0.15, capacity, 50_000).reduce((sum, { start }) => sum + Math.min(start, capacity), 0);
    assert.ok(work / 50_000 < 5.1, `each sample is fitted ${work / 50_000} times`);
  }
});

test('heads with more weights are fitted less often, so a sample costs no more of a thread', () => {
  const options = { growth: 1.2, delay: 0.15, capacity: 4096 };
  const plan = (weights: number) => planRefit(100_000, { ...usual(4096), weights }, options);
  const interval = (weights: number) => plan(weights).nextAt - 100_000;
  const delay = (weights: number) => plan(weights).dueAt - 100_000;
  assert.equal(interval(1_000), interval(100_000));
  for (const grown of [interval(1_500_000) / interval(100_000), delay(1_500_000) / delay(100_000)]) {
    assert.ok(Math.abs(grown - 15) < 0.1, `${grown}`);
  }
});
