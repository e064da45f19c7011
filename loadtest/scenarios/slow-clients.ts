import { allAnswered, countsOf, latencyOf, phasesOf } from '../checks/phases.js';
import { atMost } from '../checks/verdict.js';
import type { LoadResult, Scenario } from './scenario.js';
import { requests } from './traffic.js';

/** What clients that do not behave may make the server hold. */
const MOST_BYTES = 256 * 2 ** 20;

export const slowClients: Scenario = {
  name: 'slow-clients',
  about:
    '50 % of capacity, alone and beside clients that never read, send half messages, take answers byte by byte or open 1,000 streams. The good ones do not notice.',
  rounds: 2,
  plan: (given) => {
    const traffic = [requests(given, 'poisson', [{ seconds: 12, load: 0.5 }])];
    return [
      { name: 'alone', traffic, settleMs: 1000 },
      {
        name: 'beside slow clients',
        traffic,
        beside: { neverRead: 20, halfMessages: 50, tinyWindows: 20, streams: 1000, silent: 50 },
        settleMs: 3000,
      },
    ];
  },
  check: (result) => [
    allAnswered('every good request is answered, alone', countsOf(result, 'alone')),
    allAnswered('every good request is answered, beside slow clients', countsOf(result, 'beside slow clients')),
    atMost(
      'p99 beside slow clients over that alone',
      p99(result, 'beside slow clients') / p99(result, 'alone'),
      1.3,
      'x',
    ),
    atMost(
      'resident memory that slow clients cost',
      mostBytes(result, 'beside slow clients') - mostBytes(result, 'alone'),
      MOST_BYTES,
      ' B',
    ),
    atMost('handles left', result.rest.after.handles - result.rest.before.handles, 0),
    atMost('images left in the queue', result.rest.after.queueDepth, 0),
  ],
};

function p99(result: LoadResult, phase: string): number {
  return latencyOf(countsOf(result, phase)).quantile(0.99);
}

function mostBytes(result: LoadResult, phase: string): number {
  return Math.max(
    ...phasesOf(result, phase).flatMap(({ samples }) => samples.map(({ residentBytes }) => residentBytes)),
  );
}
