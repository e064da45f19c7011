import assert from 'node:assert/strict';
import { test } from 'node:test';
import { argmax, crossEntropy, softmaxInPlace } from '../../../../src/learner/head/softmax.js';

function softmax(...logits: number[]): number[] {
  const values = Float64Array.from(logits);
  softmaxInPlace(values);
  return [...values];
}

test('softmax subtracts the maximum, not the largest magnitude', () => {
  const [small, large] = softmax(-100, 10);
  assert.ok(Math.abs(large! - 1) < 1e-15);
  assert.ok(Math.abs(small! / Math.exp(-110) - 1) < 1e-12);
  assert.deepEqual(softmax(-1000, -1000), [0.5, 0.5]);
  assert.deepEqual(softmax(1e308, -1e308), [1, 0]);
  assert.deepEqual(softmax(1e4, 1e4, 1e4, 1e4), [0.25, 0.25, 0.25, 0.25]);
});

test('softmax sums to one and keeps the order', () => {
  const logits = Array.from({ length: 101 }, (_, i) => Math.sin(i * 7) * 20);
  const probabilities = softmax(...logits);
  assert.ok(Math.abs(probabilities.reduce((a, b) => a + b) - 1) < 1e-12);
  assert.equal(argmax(Float64Array.from(probabilities)), argmax(Float64Array.from(logits)));
});

test('softmax works on the first values only, and on none', () => {
  const values = Float64Array.of(0, 0, 50);
  softmaxInPlace(values, 2);
  assert.deepEqual([...values], [0.5, 0.5, 50]);
  softmaxInPlace(values, 0);
  assert.deepEqual([...values], [0.5, 0.5, 50]);
});

test('argmax takes the first of equals; of nothing there is none', () => {
  assert.equal(argmax(Float64Array.of(1, 3, 3)), 1);
  assert.equal(argmax(Float64Array.of(-5, -4, -6)), 1);
  assert.equal(argmax(Float64Array.of(-Infinity, -Infinity)), 0);
  assert.equal(argmax(new Float64Array(0)), -1);
});

test('cross entropy is -log of the probability, without overflow', () => {
  assert.ok(Math.abs(crossEntropy(Float64Array.of(1, 2, 3), 1) - -Math.log(softmax(1, 2, 3)[1]!)) < 1e-12);
  assert.equal(crossEntropy(Float64Array.of(-1000, 1000), 0), 2000);
  assert.equal(crossEntropy(Float64Array.of(0, 1000), 1), 0);
});
