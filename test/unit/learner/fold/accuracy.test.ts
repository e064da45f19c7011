import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Accuracy } from '../../../../src/learner/fold/accuracy.js';
import { Recent } from '../../../../src/learner/fold/recent.js';

test('the ring keeps the newest, oldest first, around its end', () => {
  const recent = new Recent(4);
  assert.deepEqual([...recent.newest()], []);
  for (let i = 1; i <= 10; i++) recent.push(i);
  assert.deepEqual([...recent.newest()], [7, 8, 9, 10]);
  assert.deepEqual([...recent.newest(2)], [9, 10]);
  assert.deepEqual([...new Recent(4, recent.newest()).newest()], [7, 8, 9, 10]);
  assert.equal(recent.count, 4);
});

test('windows and recall count the newest 100 and 1000 only', () => {
  const accuracy = new Accuracy();
  for (let i = 0; i < 1500; i++) accuracy.add(i % 2, i >= 1450);
  assert.deepEqual(accuracy.windows(), [
    { window: 100, count: 100, accuracy: 0.5 },
    { window: 1000, count: 1000, accuracy: 0.05 },
  ]);
  assert.deepEqual(accuracy.byClass(['even', 'odd', 'never'], [750, 750, 0]), [
    { name: 'even', samples: 750, recent: 500, recall: 0.05 },
    { name: 'odd', samples: 750, recent: 500, recall: 0.05 },
    { name: 'never', samples: 0, recent: 0, recall: 0 },
  ]);
  assert.deepEqual(new Accuracy(accuracy.snapshot()).windows(), accuracy.windows());
});
