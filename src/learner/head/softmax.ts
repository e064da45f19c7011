import { exp } from './exp.js';
import { log } from './log.js';

/** The numbers of a typed array of either width. */
export type Floats = Float32Array | Float64Array;

/** Index of the first largest of the first `count` values; -1 when count is 0. */
export function argmax(values: Floats, count = values.length): number {
  let best = -1;
  let largest = -Infinity;
  for (let i = 0; i < count; i++) {
    if (values[i]! > largest || best < 0) {
      largest = values[i]!;
      best = i;
    }
  }
  return best;
}

/**
 * Turns the first `count` values from logits into probabilities, in place. The largest logit is subtracted first, so no
 * finite logits can overflow or end in 0/0.
 */
export function softmaxInPlace(values: Floats, count = values.length): void {
  if (count === 0) return;
  const largest = values[argmax(values, count)]!;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const e = exp(values[i]! - largest);
    values[i] = e;
    sum += e;
  }
  for (let i = 0; i < count; i++) values[i] = values[i]! / sum;
}

/** -log softmax(logits)[target], in nats; finite for finite logits. */
export function crossEntropy(logits: Floats, target: number, count = logits.length): number {
  const largest = logits[argmax(logits, count)]!;
  let sum = 0;
  for (let i = 0; i < count; i++) sum += exp(logits[i]! - largest);
  return log(sum) + largest - logits[target]!;
}
