import { countsOf, phasesOf } from '../checks/phases.js';
import { atLeast, atMost, holds } from '../checks/verdict.js';
import { LatencyHistogram } from '../generator/histogram.js';
import { sumOutcomes } from '../generator/merge.js';
import type { LoadResult, Scenario, Verdict } from './scenario.js';
import { deadlineOf, requests } from './traffic.js';

const OVERLOAD_SECONDS = 20;
/** The queue fills, and the last answers are on their way: neither is the steady state of overload. */
const EDGE_SECONDS = 2;

export const overload: Scenario = {
  name: 'overload',
  about:
    '3 x capacity between two quiet spells, with deadlines. The server goes on doing what it can, refuses the rest at once, and recovers.',
  rounds: 1,
  plan: (given) => {
    const deadlineMs = deadlineOf(given, 4 * given.batch);
    const phase = (name: string, load: number, seconds: number) => ({
      name,
      traffic: [requests(given, 'poisson', [{ seconds, load }], { deadlineMs })],
    });
    return [
      phase('before', 0.5, 10),
      { ...phase('overload', 3, OVERLOAD_SECONDS), settleMs: 0 },
      phase('after', 0.5, 10),
    ];
  },
  check: (result) => {
    const { outcomes, offered, refusal } = countsOf(result, 'overload');
    return [
      atLeast('goodput under overload, of capacity', goodput(result), 0.95),
      atMost('refusals are answered within (p99)', LatencyHistogram.decode(refusal).quantile(0.99), 10, ' ms'),
      atMost('requests that wait and then expire, of those offered', outcomes.expired / offered, 0.02),
      memory(result),
      recovery(result),
    ];
  },
};

/** Answers a second in the middle of the overload, in fractions of the capacity. */
function goodput(result: LoadResult): number {
  const { seconds } = countsOf(result, 'overload');
  const middle = seconds.slice(EDGE_SECONDS, seconds.length > 2 * EDGE_SECONDS ? -1 : undefined);
  return middle.reduce((sum, { answered }) => sum + answered, 0) / middle.length / result.given.capacity;
}

/** The second half of the overload against its first. */
function memory(result: LoadResult): Verdict {
  const samples = phasesOf(result, 'overload').flatMap((phase) =>
    phase.samples.map(({ residentBytes }) => residentBytes),
  );
  const half = samples.length >> 1;
  const largest = (values: readonly number[]) => Math.max(...values);
  const ratio = half === 0 ? Number.NaN : largest(samples.slice(half)) / largest(samples.slice(0, half));
  return atMost('resident memory is flat: second half of the overload over the first', ratio, 1.1, 'x');
}

/** What was due from one second after the end of the overload on. */
function recovery(result: LoadResult): Verdict {
  const later = countsOf(result, 'after').seconds.slice(1);
  const { ok, refused, expired, failed } = sumOutcomes(later.map(({ outcomes }) => outcomes));
  const problems = refused + expired + failed;
  return holds(
    'a second after the overload every request is answered',
    ok > 0 && problems === 0,
    `${ok} answered, ${problems} not`,
  );
}
