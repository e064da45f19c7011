import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type HandOver,
  handOverAt,
  handOverMargin,
  LearningBalance,
  shareBatch,
  worthwhileBatch,
} from '../../../../src/server/batching/batch-plan.js';
import { SpeedEstimate } from '../../../../src/server/batching/estimate.js';

const speed = (batchMs: number, imageMs: number) => {
  const estimate = new SpeedEstimate();
  for (let batch = 0; batch < 200; batch++) {
    const images = 1 + (batch % 16);
    estimate.observe(images, batchMs + images * imageMs);
  }
  return estimate;
};

const at = (state: Partial<HandOver>) =>
  handOverAt({
    ...{ now: 100, size: 8, waiting: { inference: 3, learning: 0 }, batches: 0, expectedEnd: undefined, marginMs: 2 },
    ...{ formingSince: 90, waitMs: 0, startBy: Number.POSITIVE_INFINITY },
    ...state,
  });

test('hand-over: an idle engine gets what is there at once, or after the wait asked for', () => {
  assert.ok(at({})! <= 100);
  assert.equal(at({ waitMs: 15 }), 105);
  assert.equal(at({ waitMs: 15, waiting: { inference: 8, learning: 0 } }), 100);
  assert.equal(at({ waitMs: 15, startBy: 103 }), 103, 'no longer than its deadline allows');
  assert.equal(at({ waiting: { inference: 0, learning: 0 } }), undefined);
});

test('hand-over: behind a running batch a full one goes at once, a partial one just before the end', () => {
  assert.equal(at({ batches: 1, expectedEnd: 140, waiting: { inference: 8, learning: 0 } }), 100);
  assert.equal(at({ batches: 1, expectedEnd: 140 }), 138);
  assert.equal(at({ batches: 1 }), undefined, 'when it ends, if nothing is known');
  assert.equal(at({ batches: 2, waiting: { inference: 20, learning: 0 } }), undefined);
});

test('hand-over: learning never goes behind a running batch early', () => {
  assert.equal(at({ batches: 1, expectedEnd: 140, waiting: { inference: 2, learning: 20 } }), 138);
});

test('the margin covers a late timer and the usual error, and is no more than a quarter of the batch', () => {
  assert.equal(handOverMargin(2, 0.5), 1);
  assert.equal(handOverMargin(100, 0.05), 11);
  assert.equal(handOverMargin(100, 1), 25);
});

test('shares: learning is beside inference only with what it is owed', () => {
  const known = speed(2, 5);
  assert.deepEqual(shareBatch({ inference: 3, learning: 9 }, 8, 0, false, known), { inference: 3, learning: 0 });
  assert.deepEqual(shareBatch({ inference: 20, learning: 9 }, 8, 2, false, known), { inference: 6, learning: 2 });
  assert.deepEqual(shareBatch({ inference: 20, learning: 1 }, 8, 2, false, known), { inference: 7, learning: 1 });
});

test('shares: alone, learning has small batches while inference is about, and full ones when it is not', () => {
  const waiting = { inference: 0, learning: 30 };
  assert.deepEqual(shareBatch(waiting, 8, 0, false, speed(2, 5)), { inference: 0, learning: 1 });
  assert.deepEqual(shareBatch(waiting, 8, 0, false, speed(20, 5)), { inference: 0, learning: 4 });
  assert.deepEqual(shareBatch(waiting, 8, 0, true, speed(2, 5)), { inference: 0, learning: 8 });
  assert.equal(worthwhileBatch(new SpeedEstimate(), 8), 1);
});

test('the balance pays a tenth in images, beside inference as well as alone, and saves nothing while nobody waits', () => {
  const balance = new LearningBalance(0.1, 8);
  let learning = 0;
  for (let batch = 0; batch < 1000; batch++) {
    const owed = balance.owed;
    learning += owed;
    balance.ran(8 - owed, owed, true);
  }
  assert.ok(Math.abs(learning - 800) <= 1, `${learning}`);
  for (let batch = 0; batch < 1000; batch++) balance.ran(8, 0, false);
  assert.equal(balance.owed, 0);
  // What it got while the engine was idle counts.
  for (let batch = 0; batch < 100; batch++) balance.ran(0, 1, true);
  for (let batch = 0; batch < 9; batch++) balance.ran(8, 0, true);
  assert.equal(balance.owed, 0);
  for (let batch = 0; batch < 1000; batch++) balance.ran(8, 0, true);
  assert.ok(balance.owed <= 2, 'no more is saved than one batch is worth');
});
