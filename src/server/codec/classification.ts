/**
 * The k largest probabilities, as Triton's classification extension writes them: `value:index:name`, best first, ties
 * in class order. Fewer than k when there are fewer classes.
 */
export function bestClasses(probabilities: Float32Array, classes: readonly string[], k: number): string[] {
  const order = Array.from(probabilities.keys());
  order.sort((a, b) => probabilities[b]! - probabilities[a]! || a - b);
  return order.slice(0, k).map((index) => `${probabilities[index]!.toFixed(6)}:${index}:${classes[index]}`);
}
