import type { SoftmaxProblem } from '../../native/index.js';
import { crossEntropy, softmaxInPlace } from '../head/softmax.js';
import { sumInEightLanes } from './eight-lanes.js';

/** As `Arithmetic.softmaxLoss`. */
export function softmaxLoss(problem: SoftmaxProblem): number {
  const { samples, classes, weights, bias, labels, sampleWeights } = problem;
  const dimensions = classes === 0 ? 0 : weights.length / classes;
  const embedding = new Float64Array(dimensions);
  const values = new Float64Array(classes);
  let loss = 0;
  for (let n = 0; n < samples; n++) {
    embedding.set(problem.embeddings.subarray(n * dimensions, (n + 1) * dimensions));
    for (let c = 0; c < classes; c++) {
      values[c] = sumInEightLanes(weights, c * dimensions, embedding, dimensions) + bias[c]!;
    }
    loss += sampleWeights[n]! * crossEntropy(values, labels[n]!);
    softmaxInPlace(values);
    for (let c = 0; c < classes; c++) values[c] = sampleWeights[n]! * (values[c]! - (c === labels[n] ? 1 : 0));
    addToGradients(problem, values, embedding);
  }
  return loss;
}

function addToGradients(problem: SoftmaxProblem, errors: Float64Array, embedding: Float64Array): void {
  const { weightGradient, biasGradient, classes } = problem;
  const dimensions = embedding.length;
  for (let c = 0, at = 0; c < classes; c++) {
    const error = errors[c]!;
    for (let d = 0; d < dimensions; d++, at++) weightGradient[at] = weightGradient[at]! + error * embedding[d]!;
    biasGradient[c] = biasGradient[c]! + error;
  }
}
