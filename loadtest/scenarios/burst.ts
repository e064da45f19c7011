import { idealLatencies, quantile } from '../checks/ideal-queue.js';
import { allAnswered, countsOf, latencyOf } from '../checks/phases.js';
import { atMost } from '../checks/verdict.js';
import { arrivalTimes } from '../generator/schedule.js';
import type { Given, LoadResult, Scenario, Verdict } from './scenario.js';
import { requests } from './traffic.js';

const BURSTS = 6;
const STEPS = Array.from({ length: BURSTS }, () => [
  { seconds: 4.5, load: 0.3 },
  { seconds: 0.5, load: 4 },
]).flat();

export const burst: Scenario = {
  name: 'burst',
  about:
    '30 % of capacity with bursts of 4 x capacity for half a second. The queue takes them: nothing is refused, and it empties as fast as can be.',
  rounds: 1,
  plan: (given) => [{ name: 'bursts', traffic: [traffic(given)] }],
  check: (result) => [allAnswered('every request is answered', countsOf(result, 'bursts')), againstIdeal(result)],
};

function traffic(given: Given) {
  return requests(given, 'poisson', STEPS);
}

function againstIdeal(result: LoadResult): Verdict {
  const { given } = result;
  const arrivals = arrivalTimes('poisson', traffic(given).steps, given.seed);
  const ideal = quantile(idealLatencies(arrivals, 1000 / given.capacity), 0.99);
  const measured = latencyOf(countsOf(result, 'bursts')).quantile(0.99);
  return atMost('p99 over that of an ideal queue', measured / ideal, 1.5, 'x');
}
