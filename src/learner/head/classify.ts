import { arithmetic } from '../arithmetic/arithmetic.js';
import type { HeadModel } from '../types.js';
import { softmaxInPlace } from './softmax.js';

/**
 * Probabilities [classes] of one embedding [model.dimensions]; empty for a head without classes. Finite embeddings give
 * finite probabilities that sum to one.
 * @throws RangeError when the embedding's length is not the model's (its caller has checked requests by then).
 */
export function classify(model: HeadModel, embedding: Float32Array): Float32Array<ArrayBuffer> {
  const { classes, dimensions, weights, bias } = model;
  if (embedding.length !== dimensions) {
    throw new RangeError(`an embedding of ${embedding.length} values, and the head's have ${dimensions}`);
  }
  // FP64 sums: no product of two FP32 numbers overflows them.
  const logits = new Float64Array(classes.length);
  arithmetic().multiplyRows(weights, embedding, logits.length, logits);
  for (let c = 0; c < logits.length; c++) logits[c] = logits[c]! + bias[c]!;
  softmaxInPlace(logits);
  return Float32Array.from(logits);
}

/** Indices of the k largest values (or of all, if there are fewer), largest first; of equals the lower index comes first. */
export function topK(values: Float32Array, k: number): number[] {
  const best: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (best.length >= k && (k <= 0 || values[i]! <= values[best[k - 1]!]!)) continue;
    let place = best.length;
    while (place > 0 && values[best[place - 1]!]! < values[i]!) place--;
    best.splice(place, 0, i);
    if (best.length > k) best.pop();
  }
  return best;
}
