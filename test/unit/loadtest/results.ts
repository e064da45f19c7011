// Results as scenarios get them, made up: the tests break one thing after the other.
import { LatencyHistogram } from '../../../loadtest/generator/histogram.js';
import type { Outcomes, SecondCount, TrafficCount } from '../../../loadtest/generator/traffic.js';
import type { Sample, ServerChange } from '../../../loadtest/run/results.js';
import type { LoadResult, PhaseResult } from '../../../loadtest/scenarios/scenario.js';

export interface CountOptions {
  readonly name?: string;
  readonly images?: number;
  /** Milliseconds, of the answered ones. */
  readonly latencies: readonly number[];
  readonly refused?: number;
  readonly expired?: number;
  readonly failed?: number;
  readonly refusalMs?: number;
  readonly latenessMs?: number;
  readonly seconds?: number;
  readonly labels?: { readonly sent: number; readonly failed: number };
}

export function encoded(values: readonly number[]): string {
  const histogram = LatencyHistogram.create();
  for (const value of values) histogram.record(value);
  return histogram.encode();
}

/** Spread evenly over its seconds. */
export function countOf(options: CountOptions): TrafficCount {
  const { latencies, refused = 0, expired = 0, failed = 0, seconds = 1, refusalMs = 1, latenessMs = 0.1 } = options;
  const outcomes: Outcomes = { ok: latencies.length, refused, expired, failed };
  const offered = latencies.length + refused + expired + failed;
  return {
    name: options.name ?? 'requests',
    images: options.images ?? 1,
    offered,
    outcomes,
    latency: encoded(latencies),
    refusal: encoded(Array.from({ length: refused }, () => refusalMs)),
    lateness: encoded([latenessMs]),
    stages: { decode: '', queue: '', compute: '' },
    rest: '',
    seconds: Array.from({ length: seconds }, (_, second): SecondCount => {
      const share = (total: number) =>
        Math.floor(((second + 1) * total) / seconds) - Math.floor((second * total) / seconds);
      const part = {
        ok: share(latencies.length),
        refused: share(refused),
        expired: share(expired),
        failed: share(failed),
      };
      const sum = part.ok + part.refused + part.expired + part.failed;
      return { offered: sum, outcomes: part, answered: part.ok, latency: encoded(latencies.slice(0, part.ok)) };
    }),
    labels: options.labels ?? { sent: 0, failed: 0 },
    problems: failed > 0 ? { 'INTERNAL: a fault': failed } : {},
  };
}

export function sampleAt(second: number, changes: Partial<Sample> = {}): Sample {
  const base = { residentBytes: 3e8, queueDepth: 0, eventLoopP99: 1, handles: 10, buffered: 0, batch: 4 };
  return { ...base, second, ...changes };
}

export const quietServer: ServerChange = {
  eventLoopP99: 2,
  overheadMedian: 0.4,
  overheadP99: 2,
  codes: { OK: 100 },
  meanBatch: 2,
  labelsTrained: 0,
  swaps: 0,
};

export function phaseOf(
  name: string,
  counts: readonly TrafficCount[],
  changes: Partial<PhaseResult> = {},
): PhaseResult {
  const seconds = counts[0]?.seconds.length ?? 1;
  const samples = Array.from({ length: seconds }, (_, index) => sampleAt(index + 1));
  return { name, round: 0, target: 'Headwater', start: 0, seconds, counts, samples, server: quietServer, ...changes };
}

export function resultOf(phases: readonly PhaseResult[], changes: Partial<LoadResult> = {}): LoadResult {
  const given = { capacity: 100, batch: 8, input: 'image', heads: ['bench'], seed: 1, scale: 1, minutes: 30 } as const;
  const rest = { before: sampleAt(0), after: sampleAt(100) };
  return { given, capacities: { Headwater: 100 }, phases, rest, exit: 0, ...changes };
}

export const repeated = (value: number, count: number) => Array.from({ length: count }, () => value);
