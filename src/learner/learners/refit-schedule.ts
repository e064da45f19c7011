import type { RefitOptions } from '../types.js';

/** Samples before which there is nothing to fit. */
const FIRST = 32;

/** A refit that is being done, or waits to be installed. */
export interface RefitPlan {
  /** It is installed once so many samples are learned: the next call that uses the weights finds it. */
  readonly dueAt: number;
  /** The one after it starts once so many samples are learned; not before `dueAt`, so that there is one at a time. */
  readonly nextAt: number;
}

/** The first refit's start. */
export const firstRefitAt = FIRST;

/**
 * What follows from a start.
 * @param extent Samples that count: those of the stream as it is now (since the world changed), and no more than the reservoir can hold. Intervals grow with
 *   it, and stop growing when the reservoir is full: so a refit's cost for each sample of the stream is bounded, and so is the time for which it stays away.
 */
export function planRefit(startedAt: number, extent: number, { growth, delay }: RefitOptions): RefitPlan {
  const dueAt = startedAt + Math.ceil(delay * extent);
  return { dueAt, nextAt: Math.max(dueAt, startedAt + Math.ceil((growth - 1) * extent), startedAt + 1) };
}
