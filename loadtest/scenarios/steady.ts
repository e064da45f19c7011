import { idealLatencies, quantile } from '../checks/ideal-queue.js';
import { allAnswered, countsOf, latencyOf, phasesOf } from '../checks/phases.js';
import { atMost } from '../checks/verdict.js';
import { arrivalTimes } from '../generator/schedule.js';
import type { LoadResult, Scenario, Verdict } from './scenario.js';
import { requests } from './traffic.js';

const LOAD = 0.7;

/**
 * Constant arrivals show the server alone: nothing waits unless the server makes it wait. With Poisson arrivals most of the latency is the
 * queue that any server of this capacity would have (p99 is 4.4 times the median in an ideal one), so there the yardstick is that queue.
 */
export const steady: Scenario = {
  name: 'steady',
  about:
    '70 % of capacity: constant arrivals, then Poisson. Latency is even, and the service itself takes next to nothing.',
  rounds: 1,
  plan: (given) => [
    { name: 'constant', traffic: [requests(given, 'constant', [{ seconds: 40, load: LOAD }])], settleMs: 1000 },
    { name: 'poisson', traffic: [requests(given, 'poisson', [{ seconds: 40, load: LOAD }])] },
  ],
  check: (result) => [
    allAnswered('every request is answered (constant)', countsOf(result, 'constant')),
    allAnswered('every request is answered (Poisson)', countsOf(result, 'poisson')),
    evenness(result),
    againstIdeal(result),
    ...phasesOf(result, 'constant').flatMap(({ server }) => [
      atMost(
        'server overhead (total - decode - queue - compute): median',
        server?.overheadMedian ?? Number.NaN,
        1,
        ' ms',
      ),
      atMost('event-loop delay: p99', server?.eventLoopP99 ?? Number.NaN, 10, ' ms'),
    ]),
  ],
};

function evenness(result: LoadResult): Verdict {
  const latency = latencyOf(countsOf(result, 'constant'));
  return atMost('p99 over the median, constant arrivals', latency.quantile(0.99) / latency.quantile(0.5), 3, 'x');
}

/** The same arrivals through an ideal queue. Batches of a queue that is never long: each may wait for one more than it would alone. */
function againstIdeal({ given, ...result }: LoadResult): Verdict {
  const latency = latencyOf(countsOf({ given, ...result }, 'poisson'));
  const [traffic] = steady.plan(given)[1]?.traffic ?? [];
  const arrivals = arrivalTimes('poisson', traffic?.steps ?? [], given.seed);
  const ideal = quantile(idealLatencies(arrivals, 1000 / given.capacity), 0.99);
  return atMost('p99 over that of an ideal queue, Poisson arrivals', latency.quantile(0.99) / ideal, 2.5, 'x');
}
