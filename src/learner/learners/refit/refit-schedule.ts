import type { RefitOptions } from '../../types.js';

/** Samples before which there is nothing to fit. */
const FIRST = 32;
/**
 * However few the samples are, a fit takes some ten milliseconds, for its vectors are as long as the weights are many: a fold of 500 samples a second would
 * wait for each of the first fits if they had less time. (32 cost no accuracy, 48 did.)
 */
const LEAST_DELAY = 32;
/** A fit that chooses the penalty as well takes about twice as long. */
const DELAY_OF_CHOICE = 2;
/** Intervals and delays are meant for so many weights (100 classes of 1024 dimensions); with more they are longer in proportion, for so are the fits. */
const USUAL_WEIGHTS = 100_000;

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
 * What follows from a start. With a delay of 0 a refit is due at once; else it has some time, however few the samples are.
 * @param extent Samples that count: those of the stream as it is now (since the world changed), and no more than the reservoir can hold. Intervals grow with
 *   it, and stop growing when the reservoir is full: so a refit's cost for each sample of the stream is bounded, and so is the time for which it stays away.
 * @param weights Classes times dimensions
 * @param choosing Whether the fit chooses the penalty, too
 */
export function planRefit(
  startedAt: number,
  { extent, weights, choosing }: { extent: number; weights: number; choosing: boolean },
  { growth, delay }: RefitOptions,
): RefitPlan {
  const least = delay > 0 ? LEAST_DELAY : 0;
  const effort = extent * Math.max(1, weights / USUAL_WEIGHTS);
  const dueAt = startedAt + Math.max(least, Math.ceil(delay * effort)) * (choosing ? DELAY_OF_CHOICE : 1);
  return { dueAt, nextAt: Math.max(dueAt, startedAt + Math.ceil((growth - 1) * effort), startedAt + 1) };
}
