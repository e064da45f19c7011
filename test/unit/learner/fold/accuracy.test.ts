import assert from 'node:assert/strict';
import { test } from 'node:test';
import { windowAccuracies } from '../../../../src/learner/fold/accuracy.js';
import { JudgedSamples } from '../../../../src/learner/fold/judged-samples.js';
import { Recent } from '../../../../src/learner/fold/recent.js';

test('the ring keeps the newest, oldest first, around its end', () => {
  const recent = new Recent(4);
  assert.deepEqual([...recent.newest()], []);
  for (let i = 1; i <= 10; i++) {
    recent.push(i);
    const expected = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].slice(0, i).slice(-4);
    assert.deepEqual([...recent.newest()], expected);
    assert.deepEqual([...recent.newest(2)], expected.slice(-2));
  }
  assert.deepEqual([...new Recent(4, recent.newest()).newest()], [7, 8, 9, 10]);
  assert.deepEqual([...new Recent(2, recent.newest()).newest()], [9, 10]);
  assert.equal(recent.count, 4);
});

test('windows count the newest 100 and 1000 only', () => {
  const correct = Float64Array.from({ length: 1500 }, (_, i) => (i >= 1450 ? 1 : 0));
  assert.deepEqual(windowAccuracies(correct), [
    { window: 100, count: 100, accuracy: 0.5 },
    { window: 1000, count: 1000, accuracy: 0.05 },
  ]);
  assert.deepEqual(windowAccuracies([]), [
    { window: 100, count: 0, accuracy: 0 },
    { window: 1000, count: 0, accuracy: 0 },
  ]);
});

/** 1500 samples of `even` and `odd` in turn; the last 50 are predicted right, the others as the other class. */
function judged(): JudgedSamples {
  const samples = new JudgedSamples();
  for (let i = 0; i < 1500; i++) samples.add(i % 2, i >= 1450 ? i % 2 : 1 - (i % 2), 0.75);
  return samples;
}

test('recall counts by class, confusions by pair, over the last 1000', () => {
  const samples = judged();
  assert.deepEqual(samples.byClass(['even', 'odd', 'never'], [750, 750, 0]), [
    { name: 'even', samples: 750, recent: 500, recall: 0.05 },
    { name: 'odd', samples: 750, recent: 500, recall: 0.05 },
    { name: 'never', samples: 0, recent: 0, recall: 0 },
  ]);
  assert.deepEqual(samples.confusions(['even', 'odd', 'never']), [
    { label: 'even', predicted: 'odd', count: 475 },
    { label: 'odd', predicted: 'even', count: 475 },
  ]);
  // All fall in one bin: |0.05 - 0.75|.
  assert.ok(Math.abs(samples.calibrationError() - 0.7) < 1e-12);
  assert.deepEqual(new JudgedSamples(samples.snapshot()).snapshot(), samples.snapshot());
});

test('a class that goes takes its samples along; as an answer it stays wrong', () => {
  const samples = judged();
  samples.removeClass(0);
  assert.deepEqual(samples.byClass(['odd', 'never'], [750, 0]), [
    { name: 'odd', samples: 750, recent: 500, recall: 0.05 },
    { name: 'never', samples: 0, recent: 0, recall: 0 },
  ]);
  assert.deepEqual(samples.confusions(['odd', 'never']), []);
  samples.add(0, 0, 1);
  assert.equal(samples.correct().at(-1), 1);
});
