import { countsOf, latencyOf, phasesOf } from '../checks/phases.js';
import { atLeast, atMost } from '../checks/verdict.js';
import type { LoadResult, Scenario, Verdict } from './scenario.js';
import { requests } from './traffic.js';

/** Of the run, before memory is looked at: five minutes of thirty. */
const WARM_SHARE = 1 / 6;
/** Of the run, over which memory is averaged at both ends. */
const WINDOW_SHARE = 1 / 20;

export const soak: Scenario = {
  name: 'soak',
  about:
    '70 % of capacity for half an hour (`--minutes`), with labels, over 4 heads. Memory stays where it is, and nothing is left.',
  rounds: 1,
  heads: 4,
  learners: ['sgd'],
  plan: (given) => [
    {
      name: 'soak',
      traffic: [
        requests({ ...given, scale: 1 }, 'poisson', [{ seconds: 60 * given.minutes, load: 0.7 }], { labels: true }),
      ],
      settleMs: 5000,
    },
  ],
  check: (result) => {
    const { offered, outcomes } = countsOf(result, 'soak');
    return [
      atLeast('requests that are answered', outcomes.ok / offered, 0.999),
      atMost('resident memory: growth from the sixth of the run to its end', growth(result), 0.05),
      ...drift(result),
      atMost('handles left', result.rest.after.handles - result.rest.before.handles, 0),
      atMost('images left in the queue', result.rest.after.queueDepth, 0),
      atMost('messages left in buffers', result.rest.after.buffered - result.rest.before.buffered, 0),
    ];
  },
};

/** Of the median memory in a window: what a garbage collector does from second to second is no growth. */
function growth(result: LoadResult): number {
  const samples = phasesOf(result, 'soak').flatMap((phase) => phase.samples.map(({ residentBytes }) => residentBytes));
  const window = Math.max(1, Math.floor(samples.length * WINDOW_SHARE));
  const first = Math.floor(samples.length * WARM_SHARE);
  return median(samples.slice(-window)) / median(samples.slice(first, first + window)) - 1;
}

/** The last third is as fast as the first. */
function drift(result: LoadResult): Verdict[] {
  const { seconds, ...count } = countsOf(result, 'soak');
  const third = Math.floor(seconds.length / 3);
  const rate = (part: typeof seconds) =>
    part.reduce((sum, { answered }) => sum + answered, 0) / part.reduce((sum, { offered }) => sum + offered, 0);
  return [
    atLeast(
      'answers in the last third over those in the first, of those offered',
      rate(seconds.slice(-third)) / rate(seconds.slice(0, third)),
      0.98,
    ),
    atMost(
      'p99 over the median',
      latencyOf({ ...count, seconds }).quantile(0.99) / latencyOf({ ...count, seconds }).quantile(0.5),
      12,
      'x',
    ),
  ];
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
