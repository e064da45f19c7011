import { topK } from '../../learner/index.js';

/** Up to here, looking for the best is cheaper than sorting all. */
const SMALL_K = 32;

/**
 * The k largest probabilities, as Triton's classification extension writes them: `value:index:name`, best first, ties
 * in class order. Fewer than k when there are fewer classes.
 */
export function bestClasses(probabilities: Float32Array, classes: readonly string[], k: number): string[] {
  const order = k <= SMALL_K ? topK(probabilities, k) : sorted(probabilities).slice(0, k);
  return order.map((index) => `${probabilities[index]!.toFixed(6)}:${index}:${classes[index]}`);
}

function sorted(probabilities: Float32Array): number[] {
  return Array.from(probabilities.keys()).sort((a, b) => probabilities[b]! - probabilities[a]! || a - b);
}
