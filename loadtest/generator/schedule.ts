// When requests are sent: fixed before the load begins, whatever the server does (an open loop).
import { seededRandom } from './seeded-random.js';

/** `poisson`: independent clients, exponential gaps. `constant`: equal gaps. */
export type Arrivals = 'poisson' | 'constant';

/** A rate (requests a second) that holds for a while. */
export interface LoadStep {
  readonly seconds: number;
  readonly rate: number;
}

/**
 * Milliseconds from the start at which requests are due, ascending. A Poisson process in steps: the gap is drawn in units of expected
 * arrivals and laid over the steps, so a change of the rate takes effect at its moment.
 *
 * @throws RangeError for a rate or a duration that is negative or not finite
 */
export function arrivalTimes(arrivals: Arrivals, steps: readonly LoadStep[], seed: number): number[] {
  const random = seededRandom(seed);
  // Constant arrivals begin half a gap after the start: two kinds of traffic of one rate do not fall on each other's edges.
  const gap = () => (arrivals === 'poisson' ? -Math.log(1 - random()) : 1);
  const times: number[] = [];
  let start = 0;
  let missing = arrivals === 'poisson' ? gap() : 0.5;
  for (const { seconds, rate } of steps) {
    if (!(rate >= 0 && seconds >= 0 && Number.isFinite(rate * seconds))) {
      throw new RangeError(`a step of ${seconds} s at ${rate} requests a second`);
    }
    const expected = rate * seconds;
    let at = missing;
    for (; at < expected; at += gap()) times.push(1000 * (start + at / rate));
    missing = at - expected;
    start += seconds;
  }
  return times;
}

/** Those of one of several processes: every so many-th, so each has a share of every moment. */
export function shareOf<T>(all: readonly T[], worker: number, workers: number): T[] {
  return all.filter((_, index) => index % workers === worker);
}

export function secondsOf(steps: readonly LoadStep[]): number {
  return steps.reduce((sum, { seconds }) => sum + seconds, 0);
}
