import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arithmetic } from '../../../../src/learner/arithmetic/arithmetic.js';
import { Precision } from '../../../../src/learner/learners/precision.js';
import { blobs } from '../../../contract/learner/blobs.js';
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

test('scaling divides the inverse', () => {
  const precision = new Precision(5, arithmetic(), 1);
  for (const { input, weight } of randomSamples(20, 5)) precision.add(Float64Array.from(input), weight);
  const before = matrixOf(precision);
  precision.scale(0.1);
  assertNear(
    matrixOf(precision),
    before.map((row) => row.map((value) => value * 10)),
    1e-14,
  );
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
