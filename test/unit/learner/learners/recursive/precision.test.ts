import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arithmetic } from '../../../../../src/learner/arithmetic/arithmetic.js';
import { plainArithmetic } from '../../../../../src/learner/arithmetic/plain.js';
import { Precision } from '../../../../../src/learner/learners/recursive/precision.js';
import type { Arithmetic } from '../../../../../src/native/index.js';
import { blobs } from '../../../../contract/learner/blobs.js';
import { dot, inverse, multiply, scatter, type WeightedSample } from './naive-solve.js';

function randomSamples(count: number, size: number, seed = 1): WeightedSample[] {
  const { uniform } = blobs(size, 1, seed);
  return Array.from({ length: count }, () => ({
    input: Array.from({ length: size }, (_, d) => uniform() * (1 + d)),
    weight: 1 + uniform(),
  }));
}

/** P, column by column. */
function matrixOf(precision: Precision): number[][] {
  const { size } = precision;
  return Array.from({ length: size }, (_, d) => {
    const out = new Float64Array(size);
    precision.multiply(
      Float64Array.from({ length: size }, (_, i) => (i === d ? 1 : 0)),
      out,
    );
    return [...out];
  });
}

function assertNear(actual: number[][], expected: number[][], relative: number, what = ''): void {
  const largest = Math.max(...expected.flat().map(Math.abs));
  const difference = Math.max(...actual.flatMap((row, i) => row.map((value, j) => Math.abs(value - expected[i]![j]!))));
  assert.ok(difference < relative * largest, `${what}: ${difference} of ${largest}`);
}

test('is the inverse of what was added, whatever is pending', () => {
  const size = 9;
  const samples = randomSamples(50, size);
  const precision = new Precision(size, arithmetic(), 0.5);
  samples.forEach(({ input, weight }, n) => {
    precision.add(Float64Array.from(input), weight);
    const expected = inverse(scatter(samples.slice(0, n + 1), () => input.map(() => 0), 0.5));
    assertNear(matrixOf(precision), expected, 1e-10, `after ${n + 1}`);
  });
});

test('the gain is P x after x was added, the leverage x·P x before', () => {
  const samples = randomSamples(21, 7);
  const precision = new Precision(7, arithmetic(), 2);
  for (const { input, weight } of samples) {
    const before = matrixOf(precision);
    const { gain, leverage } = precision.add(Float64Array.from(input), weight);
    assert.ok(Math.abs(leverage - dot(input, multiply(before, input))) < 1e-10);
    assertNear([[...gain]], [multiply(matrixOf(precision), [...input])], 1e-10);
  }
});

for (const [size, samples] of [
  [5, 20],
  [16, 3],
  [37, 90],
] as const) {
  test(`forgetting is as if less had been added, and rows P x follow (${size} dimensions, ${samples} samples)`, () => {
    const prior = 2;
    const added = randomSamples(samples, size);
    const precision = new Precision(size, arithmetic(), prior);
    for (const { input, weight } of added) precision.add(Float64Array.from(input), weight);
    const inputs = randomSamples(70, size, 2).map(({ input }) => input);
    const before = matrixOf(precision);
    const products = Float64Array.from(inputs.flatMap((input) => multiply(before, input)));
    precision.forget(0.1, prior, products, inputs.length);
    const less = added.map(({ input, weight }) => ({ input, weight: weight * 0.1 }));
    const expected = inverse(scatter(less, ({ input }) => input.map(() => 0), prior));
    assertNear(matrixOf(precision), expected, 1e-10);
    assertNear([[...products]], [inputs.flatMap((input) => multiply(expected, input))], 1e-10);
  });
}

test('forgetting does without products, which would take seconds', () => {
  let products = 0;
  const counting = {
    ...plainArithmetic,
    multiplySymmetric: (...given: Parameters<Arithmetic['multiplySymmetric']>) => {
      products += 1;
      plainArithmetic.multiplySymmetric(...given);
    },
  };
  const precision = new Precision(40, counting, 2);
  for (const { input, weight } of randomSamples(50, 40)) precision.add(Float64Array.from(input), weight);
  products = 0;
  precision.forget(0.3, 2, new Float64Array(0), 0);
  assert.equal(products, 0);
});

test('however often it is forgotten, it stays what it is', () => {
  const size = 8;
  const precision = new Precision(size, arithmetic(), 0.5);
  let weights: WeightedSample[] = [];
  for (const sample of randomSamples(300, size)) {
    precision.add(Float64Array.from(sample.input), sample.weight);
    weights = [...weights, sample];
    if (weights.length % 3 > 0) continue;
    precision.forget(0.01, 0.5, new Float64Array(0), 0);
    weights = weights.map(({ input, weight }) => ({ input, weight: weight * 0.01 }));
  }
  assertNear(matrixOf(precision), inverse(scatter(weights, () => new Array(size).fill(0), 0.5)), 1e-9);
});

test('rounding does not build up over 50,000 samples of very different sizes', () => {
  const size = 12;
  const samples = randomSamples(50_000, size).map(({ input, weight }, n) => ({
    // Two dimensions that are all but equal, one that is dead, and now and then a long one.
    input: input.map(
      (value, d) => (d === 3 ? 0 : d === 5 ? input[4]! + 1e-3 * value : value) * (n % 97 === 0 ? 100 : 1),
    ),
    weight,
  }));
  const precision = new Precision(size, arithmetic(), 200);
  for (const { input, weight } of samples) precision.add(Float64Array.from(input), weight);
  const expected = inverse(scatter(samples, ({ input }) => input.map(() => 0), 200));
  assertNear(matrixOf(precision), expected, 1e-9);
  // Of the product with the scatter, an error in a small part of P would show.
  const product = scatter(samples, ({ input }) => input.map(() => 0), 200).map((row) =>
    multiply(matrixOf(precision), row),
  );
  assertNear(
    product,
    product.map((row, i) => row.map((_, j) => (i === j ? 1 : 0))),
    1e-6,
  );
});
