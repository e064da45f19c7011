import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arithmetic } from '../../../../../src/learner/arithmetic/arithmetic.js';
import { Slda } from '../../../../../src/learner/learners/recursive/slda.js';
import { blobs } from '../../../../contract/learner/blobs.js';
import { dot, inverse, mean, multiply, scatter, type WeightedSample } from './naive-solve.js';

const size = 8;
const shrinkage = 3;

type Sample = WeightedSample & { readonly target: number };

function randomSamples(count: number, classes: number): Sample[] {
  const data = blobs(size, classes, 6, 1);
  return Array.from({ length: count }, (_, n) => {
    const target = n % 50 === 0 ? 0 : 1 + data.randomClass(classes - 1);
    const input = [...data.embedding(target)].map((value, d) => value / (1 + (d % 7) * 20) - 5);
    return { input, target, weight: 1 };
  });
}

function taught(samples: readonly Sample[], classes: number): Slda {
  const learner = new Slda(size, shrinkage, arithmetic());
  for (let c = 0; c < classes; c++) learner.addClass();
  for (const { input, target } of samples) learner.learnOne(Float64Array.from(input), target);
  return learner;
}

/**
 * Log likelihoods of Gaussians about the classes' means, but for what all have in common: the difference to class 0 is what a test can compare.
 * @param total What the scatter is divided by.
 */
function logLikelihoods(samples: readonly Sample[], classes: number, input: readonly number[], total = samples.length) {
  const means = Array.from({ length: classes }, (_, c) => mean(samples.filter(({ target }) => target === c)));
  const inverted = inverse(scatter(samples, ({ target }) => means[target]!, shrinkage));
  return means.map((centre) => {
    const u = input.map((value, d) => value - centre[d]!);
    return (-total * dot(u, multiply(inverted, u))) / 2;
  });
}

function assertLikelihoods(learner: Slda, samples: readonly Sample[], tolerance: number): void {
  const classes = learner.classCount;
  const counts = Array.from({ length: classes }, (_, c) => samples.filter(({ target }) => target === c).length);
  for (const { input } of samples.slice(0, 5)) {
    const expected = logLikelihoods(samples, classes, input);
    const logits = learner.logits(Float64Array.from(input)).slice();
    const { weights, bias } = learner.classifier();
    for (let c = 1; c < classes; c++) {
      const difference = expected[c]! - expected[0]! + 0.01 * Math.log(counts[c]! / counts[0]!);
      const relative = tolerance * Math.max(1, Math.abs(difference));
      assert.ok(
        Math.abs(logits[c]! - logits[0]! - difference) < relative,
        `class ${c}: ${logits[c]! - logits[0]!} for ${difference}`,
      );
      const linear = (k: number) => dot([...weights.subarray(k * size, (k + 1) * size)], input) + bias[k]!;
      assert.ok(Math.abs(linear(c) - linear(0) - difference) < relative);
    }
  }
}

test('is linear discriminant analysis in closed form, at any moment', () => {
  const samples = randomSamples(160, 4);
  for (const count of [60, 61, 75, 80, 120, 160]) {
    assertLikelihoods(taught(samples.slice(0, count), 4), samples.slice(0, count), 1e-10);
  }
});

test('still is after 50,000 samples', () => {
  const samples = randomSamples(50_000, 4);
  assertLikelihoods(taught(samples, 4), samples, 1e-8);
});

test('forgetting lets the means and the scatter follow the new samples, and the shrinkage is as before', () => {
  const samples = randomSamples(2_000, 3);
  const learner = taught(samples, 3);
  learner.forget(20);
  const kept = 20 / samples.length;
  const means = [0, 1, 2].map((c) => mean(samples.filter(({ target }) => target === c)));
  const old = samples.map((sample) => ({ ...sample, weight: kept }));
  const inverted = inverse(scatter(old, ({ target }) => means[target]!, shrinkage));
  const { input } = samples[3]!;
  const logits = learner.logits(Float64Array.from(input));
  const expected = means.map((centre) => {
    const u = input.map((value, d) => value - centre[d]!);
    return (-20 * dot(u, multiply(inverted, u))) / 2;
  });
  const counts = [0, 1, 2].map((c) => samples.filter(({ target }) => target === c).length);
  for (const c of [1, 2]) {
    const difference = expected[c]! - expected[0]! + 0.01 * Math.log(counts[c]! / counts[0]!);
    assert.ok(Math.abs(logits[c]! - logits[0]! - difference) < 1e-9, `${logits[c]! - logits[0]!} for ${difference}`);
  }
});
