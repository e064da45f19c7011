import type { SoftmaxRegression } from '../../../../../../src/learner/learners/refit/fit/softmax-regression.js';

const samples = 60;
const dimensions = 5;
const classes = 3;

/** Sixty samples of three classes that overlap; all numbers are multiples of 1/32, so that FP32 holds them exactly. */
export const overlapping = {
  x: Array.from({ length: samples }, (_, n) =>
    Array.from(
      { length: dimensions },
      (_, d) => (((n * 37 + d * 61 + n * d * 13) % 97) - 48) / 32 + ((n % 3) * (d - 1)) / 8,
    ),
  ),
  y: Array.from({ length: samples }, (_, n) => (n % 7 === 0 ? (n + 1) % 3 : n % 3)),
  penalty: 2,
};

/** That, as a problem; every third sample weighs `weightOfThird`. */
export function regressionProblem(weightOfThird = 1): SoftmaxRegression {
  const { x, y, penalty } = overlapping;
  return {
    samples,
    classes,
    dimensions,
    embeddings: Float32Array.from(x.flat()),
    labels: Int32Array.from(y),
    sampleWeights: Float64Array.from(y, (_, n) => (n % 3 === 0 ? weightOfThird : 1)),
    penalty,
  };
}
