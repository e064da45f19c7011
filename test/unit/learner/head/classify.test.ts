import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sumInEightLanes } from '../../../../src/learner/arithmetic/eight-lanes.js';
import { classify, topK } from '../../../../src/learner/head/classify.js';
import type { HeadModel } from '../../../../src/learner/types.js';

function model(classes: number, dimensions: number, weight: (c: number, d: number) => number): HeadModel {
  return {
    classes: Array.from({ length: classes }, (_, c) => `class ${c}`),
    dimensions,
    weights: Float32Array.from({ length: classes * dimensions }, (_, i) =>
      weight(Math.floor(i / dimensions), i % dimensions),
    ),
    bias: Float32Array.from({ length: classes }, (_, c) => c / 8),
  };
}

test('classify is the softmax of weights · embedding + bias', () => {
  const embedding = Float32Array.of(1, -2, 0.5);
  const head = model(3, 3, (c, d) => (c - 1) * (d + 1) * 0.25);
  const exps = [0, 1, 2].map((c) => Math.exp(c / 8 + (c - 1) * 0.25 * (1 - 4 + 1.5)));
  const sum = exps.reduce((a, b) => a + b);
  classify(head, embedding).forEach((p, c) => {
    assert.ok(Math.abs(p - exps[c]! / sum) < 1e-6);
  });
});

test('every length sums all its products', () => {
  for (let length = 0; length <= 33; length++) {
    const matrix = Float64Array.from({ length: 3 * length }, (_, i) => i + 1);
    const vector = Float64Array.from({ length }, (_, d) => (d % 5) - 2);
    for (let row = 0; row < 3; row++) {
      const naive = vector.reduce((sum, x, d) => sum + x * matrix[row * length + d]!, 0);
      assert.equal(sumInEightLanes(matrix, row * length, vector, length), naive, `length ${length}, row ${row}`);
    }
  }
});

test('extreme embeddings and weights give probabilities', () => {
  const huge = model(4, 16, (c) => (c % 2 ? 3e38 : -3e38));
  const probabilities = classify(huge, new Float32Array(16).fill(3e38));
  assert.ok(probabilities.every(Number.isFinite));
  assert.ok(Math.abs(probabilities.reduce((a, b) => a + b) - 1) < 1e-6);
});

test('a head without classes answers with nothing; a wrong length is refused', () => {
  assert.equal(
    classify(
      model(0, 3, () => 0),
      new Float32Array(3),
    ).length,
    0,
  );
  assert.throws(
    () =>
      classify(
        model(2, 3, () => 0),
        new Float32Array(4),
      ),
    RangeError,
  );
});

test('topK orders by value, then by index, and takes no more than there are', () => {
  const values = Float32Array.of(0.1, 0.4, 0.2, 0.4, 0.05);
  assert.deepEqual(topK(values, 3), [1, 3, 2]);
  assert.deepEqual(topK(values, 1), [1]);
  assert.deepEqual(topK(values, 99), [1, 3, 2, 0, 4]);
  assert.deepEqual(topK(values, 0), []);
  assert.deepEqual(topK(new Float32Array(0), 5), []);
  const many = Float32Array.from({ length: 200 }, (_, i) => Math.fround(Math.sin(i * 31)));
  const sorted = [...many.keys()].sort((a, b) => many[b]! - many[a]! || a - b);
  for (const k of [1, 2, 50, 199]) assert.deepEqual(topK(many, k), sorted.slice(0, k));
});
