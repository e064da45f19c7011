/**
 * Latencies (milliseconds) of a queue that loses nothing: one server, first come first served, always the same time for one image.
 * No real server of this capacity does better on these arrivals, so what one does is compared with it.
 *
 * @param arrivals milliseconds, ascending. @param perRequestMs time of one request
 */
export function idealLatencies(arrivals: readonly number[], perRequestMs: number): number[] {
  let free = 0;
  return arrivals.map((arrival) => {
    free = Math.max(free, arrival) + perRequestMs;
    return free - arrival;
  });
}

/** The smallest value that at least the fraction `p` of all do not exceed; NaN when there is none. */
export function quantile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? Number.NaN;
}
