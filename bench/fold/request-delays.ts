import { quantile } from '../measure/statistics.js';
import type { Delays } from './results.js';

/** One request of a steady stream. */
export interface Answered {
  /** Since the stream's start. */
  readonly sentMs: number;
  readonly tookMs: number;
  /** That answered; 0: the head had learned nothing, or the request failed. */
  readonly version: number;
  readonly error?: string | undefined;
}

/** Those that came back; NaN when none did. */
export function delaysOf(requests: readonly Answered[]): Delays {
  const times = requests.filter(({ error }) => error === undefined).map(({ tookMs }) => tookMs);
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99), max: quantile(times, 1) };
}

/** Moments at which the first answer of a new version arrived, in the order of the answers. */
export function swapsIn(requests: readonly Answered[]): number[] {
  const arrivals = requests
    .filter(({ error }) => error === undefined)
    .map(({ sentMs, tookMs, version }) => ({ atMs: sentMs + tookMs, version }))
    .sort((a, b) => a.atMs - b.atMs);
  const swaps: number[] = [];
  let newest = arrivals[0]?.version ?? 0;
  for (const { atMs, version } of arrivals) {
    // Answers may overtake each other: an older version after a newer one is no swap.
    if (version > newest) swaps.push(atMs);
    newest = Math.max(newest, version);
  }
  return swaps;
}

/** Requests that were under way within so many milliseconds of a swap. */
export function nearSwaps(requests: readonly Answered[], swaps: readonly number[], withinMs: number): Answered[] {
  return requests.filter(({ sentMs, tookMs }) =>
    swaps.some((atMs) => sentMs - withinMs <= atMs && atMs <= sentMs + tookMs + withinMs),
  );
}
