import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arithmetic } from '../../../../../src/learner/arithmetic/arithmetic.js';
import { Rls } from '../../../../../src/learner/learners/recursive/rls.js';
import { blobs } from '../../../../contract/learner/blobs.js';
import { dot, inverse, mean, multiply, scatter, type WeightedSample } from './naive-solve.js';

const size = 8;
const ridge = 3;

type Sample = WeightedSample & { readonly target: number };

/** Weighted as `Rls` says: by how rare the class was at that moment. */
function weigh(labels: readonly number[], inputs: readonly (readonly number[])[]): Sample[] {
  const counts: number[] = [];
  return labels.map((target, n) => {
    counts[target] = (counts[target] ?? 0) + 1;
    const seen = counts.filter((each) => each > 0).length;
    return { input: inputs[n]!, target, weight: Math.sqrt(((n + 1) / seen + 10) / (counts[target] + 10)) };
  });
}

/** What the regression's values are multiplied by. @param weights Sum of the samples' weights, by class */
function lifts(weights: readonly number[], total: number, seen = weights.length): number[] {
  return weights.map((weight) => Math.sqrt((total / seen + 10) / (weight + 10)));
}

/** The ridge regression of the one-hot targets by its normal equations, its rows lifted. */
function solve(samples: readonly Sample[], classes: number) {
  const centre = mean(samples);
  const inverted = inverse(scatter(samples, () => centre, ridge));
  const total = samples.reduce((sum, { weight }) => sum + weight, 0);
  const of = (target: number) => samples.filter((sample) => sample.target === target);
  const weights = Array.from({ length: classes }, (_, c) => of(c).reduce((sum, { weight }) => sum + weight, 0));
  const lift = lifts(weights, total, weights.filter((weight) => weight > 0).length);
  return weights.map((weight, c) => {
    const share = weight / total;
    const products = centre.map((_, d) =>
      samples.reduce(
        (sum, { input, target, weight }) => sum + weight * (input[d]! - centre[d]!) * ((target === c ? 1 : 0) - share),
        0,
      ),
    );
    const row = multiply(inverted, products);
    return { weights: row.map((value) => value * lift[c]!), bias: (share - dot(row, centre)) * lift[c]! };
  });
}

function randomSamples(count: number, classes: number) {
  const data = blobs(size, classes, 4, 1);
  const labels = Array.from({ length: count }, (_, n) => (n % 50 === 0 ? 0 : 1 + data.randomClass(classes - 1)));
  const inputs = labels.map((c) => [...data.embedding(c)].map((value, d) => value / (1 + (d % 7) * 20) - 5));
  return { labels, inputs };
}

function assertSolves(learner: Rls, samples: readonly Sample[], tolerance: number): void {
  const { weights, bias } = learner.classifier();
  for (const [c, expected] of solve(samples, learner.classCount).entries()) {
    const row = weights.subarray(c * size, (c + 1) * size);
    expected.weights.forEach((value, d) => {
      assert.ok(Math.abs(row[d]! - value) < tolerance, `class ${c}, dimension ${d}: ${row[d]} for ${value}`);
    });
    assert.ok(Math.abs(bias[c]! - expected.bias) < tolerance, `class ${c}: ${bias[c]} for ${expected.bias}`);
  }
}

test('is the ridge regression of all samples, solved directly, at any moment', () => {
  const { labels, inputs } = randomSamples(120, 4);
  const learner = new Rls(size, ridge, arithmetic());
  labels.forEach((label, n) => {
    // A class that comes late is one whose targets were 0 so far.
    while (learner.classCount <= label) learner.addClass();
    learner.learnOne(Float64Array.from(inputs[n]!), label);
    if (n % 7 !== 6) return;
    const samples = weigh(labels.slice(0, n + 1), inputs);
    assertSolves(learner, samples, 1e-10);
    const logits = learner.logits(Float64Array.from(inputs[0]!));
    for (const [c, { weights, bias }] of solve(samples, learner.classCount).entries()) {
      assert.ok(Math.abs(logits[c]! - (dot(weights, inputs[0]!) + bias)) < 1e-9);
    }
  });
});

test('the gradient of the squared error is zero where it is', () => {
  const { labels, inputs } = randomSamples(200, 3);
  const learner = new Rls(size, ridge, arithmetic());
  for (let c = 0; c < 3; c++) learner.addClass();
  for (const [n, label] of labels.entries()) learner.learnOne(Float64Array.from(inputs[n]!), label);
  const samples = weigh(labels, inputs);
  const lifted = learner.classifier();
  const lift = lifts(
    [0, 1, 2].map((c) => samples.reduce((sum, { target, weight }) => sum + (target === c ? weight : 0), 0)),
    samples.reduce((sum, { weight }) => sum + weight, 0),
  );
  const weights = lifted.weights.slice(0, 3 * size).map((value, i) => value / lift[Math.floor(i / size)]!);
  const bias = lifted.bias.map((value, c) => value / lift[c]!);
  const loss = (w: Float64Array, b: Float64Array) => {
    const errors = samples.map(({ input, target, weight }) => {
      const values = b.map((each, c) => each + dot([...w.subarray(c * size, (c + 1) * size)], input));
      return weight * values.reduce((sum, value, c) => sum + (value - (c === target ? 1 : 0)) ** 2, 0);
    });
    return errors.reduce((a, each) => a + each) + ridge * w.reduce((sum, each) => sum + each * each, 0);
  };
  const h = 1e-4;
  for (let i = 0; i < weights.length; i += 5) {
    const [up, down] = [weights.slice(), weights.slice()];
    up[i]! += h;
    down[i]! -= h;
    assert.ok(Math.abs(loss(up, bias) - loss(down, bias)) / (2 * h) < 1e-6, `weight ${i}`);
  }
  for (let c = 0; c < 3; c++) {
    const [up, down] = [bias.slice(), bias.slice()];
    up[c]! += h;
    down[c]! -= h;
    assert.ok(Math.abs(loss(weights, up) - loss(weights, down)) / (2 * h) < 1e-6, `bias ${c}`);
  }
});

test('still is after 50,000 samples', () => {
  const { labels, inputs } = randomSamples(50_000, 4);
  const learner = new Rls(size, ridge, arithmetic());
  for (let c = 0; c < 4; c++) learner.addClass();
  for (const [n, label] of labels.entries()) learner.learnOne(Float64Array.from(inputs[n]!), label);
  assertSolves(learner, weigh(labels, inputs), 1e-9);
});

test('forgetting is the same regression with older samples that count less', () => {
  const { labels, inputs } = randomSamples(90, 3);
  const learner = new Rls(size, ridge, arithmetic());
  for (let c = 0; c < 3; c++) learner.addClass();
  for (const [n, label] of labels.entries()) learner.learnOne(Float64Array.from(inputs[n]!), label);
  const samples = weigh(labels, inputs);
  const total = samples.reduce((sum, { weight }) => sum + weight, 0);
  learner.forget(20);
  const old = samples.map((sample) => ({ ...sample, weight: (sample.weight * 20) / total }));
  assertSolves(learner, old, 1e-10);
  learner.learnOne(Float64Array.from(inputs[5]!), 1);
  const counts = [0, 1, 2].map((c) => (labels.filter((label) => label === c).length * 20) / total);
  counts[1]! += 1;
  const weight = Math.sqrt((counts.reduce((a, b) => a + b) / 3 + 10) / (counts[1]! + 10));
  assertSolves(learner, [...old, { input: inputs[5]!, target: 1, weight }], 1e-10);
});
