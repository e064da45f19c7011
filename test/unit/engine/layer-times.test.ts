import assert from 'node:assert/strict';
import { test } from 'node:test';
import { medianOfRuns, sumLayerTimes } from '../../../src/engine/layer-times.js';

// Three repetitions of four steps.
const times = Float64Array.of(10, 1, 2, 7, 30, 1, 4, 5, 20, 1, 9, 100);

test('a layer takes the median of what its steps take together; a view takes nothing', () => {
  const layers = sumLayerTimes(
    times,
    4,
    [
      { node: '', kernel: 'input', steps: [0, 1] },
      { node: 'conv', kernel: 'sparse 3x3', steps: [1, 3] },
      { node: 'flat', kernel: 'view', steps: [3, 3] },
      { node: 'pool', kernel: 'max', steps: [3, 4] },
    ],
    new Map([
      ['conv', 2_000],
      ['flat', 5],
    ]),
  );
  assert.deepEqual(layers, [
    { node: '', kernel: 'input', microseconds: 20, share: 20 / 32, gigaflops: null },
    // 4,000 operations in 5 microseconds are 0.8 billion a second.
    { node: 'conv', kernel: 'sparse 3x3', microseconds: 5, share: 5 / 32, gigaflops: 0.8 },
    { node: 'flat', kernel: 'view', microseconds: 0, share: 0, gigaflops: null },
    { node: 'pool', kernel: 'max', microseconds: 7, share: 7 / 32, gigaflops: null },
  ]);
});

test('the whole image: the median of sums, not the sum of medians', () => {
  assert.equal(medianOfRuns(times, 4), 40);
});
