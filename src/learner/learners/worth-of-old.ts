import type { DriftChange } from './learner.js';

/**
 * How many samples of the new world all that was learned before is still worth. By its accuracy there: knowledge that has lost nothing is worth any number,
 * and knowledge that is all wrong is worth next to none (one sample). (Measured: with the squared odds a learner recovers from exchanged classes about as fast as
 * a new one, and neither a slight change nor a false alarm costs it what it knows.)
 */
export function worthOfOld({ recent, lost }: DriftChange): number {
  const odds = (1 - lost) / lost;
  return Math.max(1, recent * odds * odds);
}
