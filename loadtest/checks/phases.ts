// What checks read from results.
import { LatencyHistogram } from '../generator/histogram.js';
import { mergeCounts } from '../generator/merge.js';
import type { TrafficCount } from '../generator/traffic.js';
import type { LoadResult, PhaseResult, Verdict } from '../scenarios/scenario.js';
import { atMost, holds } from './verdict.js';

/** The server that promises; the other one is there to compare. */
export const HEADWATER = 'Headwater';
/** A generator that is later than this with one of a hundred requests says nothing about the server. */
export const MOST_LATENESS_MS = 10;

export function phasesOf({ phases }: LoadResult, name?: string, target = HEADWATER): PhaseResult[] {
  return phases.filter((phase) => phase.target === target && (name === undefined || phase.name === name));
}

/** A traffic's counts over all rounds of a phase; the phase's first traffic when no name is given. @throws Error when there are none */
export function countsOf(result: LoadResult, phase: string, traffic?: string, target = HEADWATER): TrafficCount {
  const counts = phasesOf(result, phase, target).flatMap(({ counts }) =>
    traffic === undefined ? counts.slice(0, 1) : counts.filter(({ name }) => name === traffic),
  );
  if (counts.length === 0) throw new Error(`no counts of ${traffic ?? 'any traffic'} in phase ${phase}`);
  return mergeCounts(counts);
}

export function latencyOf(count: TrafficCount): LatencyHistogram {
  return LatencyHistogram.decode(count.latency);
}

/** What every scenario promises: nothing fails, and the server ends as it should. */
export function commonVerdicts(result: LoadResult): Verdict[] {
  const failed = phasesOf(result).flatMap(({ counts }) => counts.filter(({ outcomes }) => outcomes.failed > 0));
  const said = failed.flatMap(({ problems }) => Object.keys(problems)).slice(0, 3);
  return [
    holds(
      'no request fails',
      failed.length === 0,
      failed.length === 0
        ? 'none'
        : `${failed.reduce((sum, { outcomes }) => sum + outcomes.failed, 0)}: ${said.join('; ')}`,
    ),
    holds('the server ends with status 0', result.exit === 0, `status ${result.exit}`),
  ];
}

/** Whether the generator kept its schedule: without that the run is invalid. */
export function generatorVerdict(result: LoadResult): Verdict {
  const late = LatencyHistogram.merge(result.phases.flatMap(({ counts }) => counts.map(({ lateness }) => lateness)));
  return atMost(
    'valid: the generator sends on time (p99 of its own delay)',
    late.quantile(0.99),
    MOST_LATENESS_MS,
    ' ms',
  );
}

/** Nothing but answers. */
export function allAnswered(name: string, { offered, outcomes }: TrafficCount): Verdict {
  const { ok, refused, expired, failed } = outcomes;
  return holds(
    name,
    ok === offered && offered > 0,
    `${ok} of ${offered} (${refused} refused, ${expired} expired, ${failed} failed)`,
  );
}
