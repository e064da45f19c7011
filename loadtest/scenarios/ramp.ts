import { countsOf, latencyOf, phasesOf } from '../checks/phases.js';
import { atLeast } from '../checks/verdict.js';
import type { LoadResult, Scenario } from './scenario.js';
import { deadlineOf, requests } from './traffic.js';

const LOADS = [0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1, 1.1, 1.2];
const nameOf = (load: number) => `${Math.round(100 * load)} %`;
/** A step is served when so much of it is answered within its deadline. */
const SERVED = 0.99;

/** Steps of an open loop, from little to too much: the largest that is served is the capacity that users can have. */
export const ramp: Scenario = {
  name: 'ramp',
  about: 'From 30 % to 120 % of the closed loop’s capacity in steps: how much of it can be had with deadlines kept.',
  rounds: 1,
  plan: (given) =>
    LOADS.map((load, index) => ({
      name: nameOf(load),
      traffic: [
        requests(given, 'poisson', [{ seconds: 8, load }], {
          deadlineMs: deadlineOf(given, 64),
          seed: given.seed + index,
        }),
      ],
      settleMs: 1000,
    })),
  check: (result) => [
    atLeast('the largest load that is served, in fractions of the closed loop’s capacity', rampCapacity(result), 0.85),
    atLeast('goodput does not collapse beyond it: last step, of capacity', goodput(result, LOADS.at(-1)!), 0.9),
  ],
};

/** The largest load up to which every step is served; 0 when none is. */
export function rampCapacity(result: LoadResult): number {
  let served = 0;
  for (const load of LOADS) {
    if (phasesOf(result, nameOf(load)).length === 0) break;
    const { offered, outcomes } = countsOf(result, nameOf(load));
    if (outcomes.ok < SERVED * offered) break;
    served = load;
  }
  return served;
}

/** Answers a second in fractions of the capacity. */
function goodput(result: LoadResult, load: number): number {
  const count = countsOf(result, nameOf(load));
  const seconds = phasesOf(result, nameOf(load)).reduce((sum, phase) => sum + phase.seconds, 0);
  return latencyOf(count).count / seconds / result.given.capacity;
}
