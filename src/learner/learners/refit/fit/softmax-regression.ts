import type { Arithmetic } from '../../../../native/index.js';
import type { Objective } from './lbfgs.js';

/** Multinomial logistic regression with a quadratic penalty, over standardised embeddings. */
export interface SoftmaxRegression {
  /** N */
  readonly samples: number;
  /** C */
  readonly classes: number;
  /** D */
  readonly dimensions: number;
  /** [N, D] */
  readonly embeddings: Float32Array;
  /** [N], each below C */
  readonly labels: Int32Array;
  /** [N] */
  readonly sampleWeights: Float64Array;
  /** Of the squared weights' sum; the bias is free. */
  readonly penalty: number;
}

/** Weighted samples of standardised embeddings. */
export type Members = Omit<SoftmaxRegression, 'classes' | 'dimensions' | 'penalty'>;

/**
 * sum over n of sampleWeights[n] * -log softmax(W x_n + b)[labels[n]] + penalty / 2 * |W|^2, as a function of the parameters: W [C, D], row-major, then b [C].
 */
export function softmaxRegression(problem: SoftmaxRegression, arithmetic: Arithmetic): Objective {
  const { samples, classes, dimensions, embeddings, labels, sampleWeights, penalty } = problem;
  const count = classes * dimensions;
  return (point, gradient) => {
    gradient.fill(0);
    const weights = point.subarray(0, count);
    const weightGradient = gradient.subarray(0, count);
    const loss = arithmetic.softmaxLoss({
      samples,
      classes,
      embeddings,
      labels,
      sampleWeights,
      weights,
      bias: point.subarray(count),
      weightGradient,
      biasGradient: gradient.subarray(count),
    });
    const square = new Float64Array(1);
    arithmetic.multiplyRows(weights, weights, 1, square);
    arithmetic.addOuter(weightGradient, Float64Array.of(penalty), weights, 1);
    return loss + (penalty / 2) * square[0]!;
  };
}

/** The parameters of `softmaxRegression` from their two parts. */
export function joinParameters(weights: Float64Array, bias: Float64Array): Float64Array<ArrayBuffer> {
  const joined = new Float64Array(weights.length + bias.length);
  joined.set(weights);
  joined.set(bias, weights.length);
  return joined;
}

/** The two parts, copied. */
export function splitParameters(
  parameters: Float64Array,
  classes: number,
): { weights: Float64Array<ArrayBuffer>; bias: Float64Array<ArrayBuffer> } {
  const at = parameters.length - classes;
  return { weights: Float64Array.from(parameters.subarray(0, at)), bias: Float64Array.from(parameters.subarray(at)) };
}
