import type { LinearClassifier } from './learner.js';

const FP32_MAX = 3.4028234663852886e38;

/** A classifier of standardised embeddings: logits = weights · ((embedding - offset) * scale) + bias. */
export interface StandardisedClassifier {
  /** [>= classes, dimensions] */
  readonly weights: Float64Array;
  /** [>= classes] */
  readonly bias: Float64Array;
  /** [dimensions] */
  readonly offset: Float64Array;
  /** [dimensions] */
  readonly scale: Float64Array;
}

/**
 * The same classifier for raw embeddings, in FP32. The bias is made for the rounded weights, so rounding does not shift the logits of an embedding
 * near the offset.
 */
export function servingWeights(classifier: StandardisedClassifier, classes: number): LinearClassifier {
  const { offset, scale } = classifier;
  const dimensions = scale.length;
  const weights = new Float32Array(classes * dimensions);
  const bias = new Float32Array(classes);
  for (let c = 0, i = 0; c < classes; c++) {
    let shift = 0;
    for (let d = 0; d < dimensions; d++, i++) {
      weights[i] = inFp32(classifier.weights[i]! * scale[d]!);
      shift += weights[i]! * offset[d]!;
    }
    bias[c] = inFp32(classifier.bias[c]! - shift);
  }
  return { weights, bias };
}

function inFp32(value: number): number {
  return Math.max(-FP32_MAX, Math.min(FP32_MAX, value));
}
