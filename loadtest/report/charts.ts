// Which charts a scenario has.
import { LatencyHistogram } from '../generator/histogram.js';
import { mergeCounts } from '../generator/merge.js';
import type { SecondCount, TrafficCount } from '../generator/traffic.js';
import type { Sample } from '../run/results.js';
import type { LoadResult, PhaseResult } from '../scenarios/scenario.js';
import type { Chart } from './chart.js';

type Point = readonly [number, number];

const PERCENTILES = [0.5, 0.9, 0.99];
const MIB = 2 ** 20;
const TIME = 'seconds';

/** Everything over time of one server, then the distribution of latencies. */
export function chartsOf(result: LoadResult, target: string): Chart[] {
  const phases = result.phases.filter((phase) => phase.target === target);
  const first = Math.floor(Math.min(...result.phases.map(({ start }) => start)));
  const xRange = [first, Math.max(...result.phases.map(endOf))] as const;
  const marks = phases.map(({ start, name }) => ({ x: start, name }));
  const time = (title: string, unit: string, lines: Chart['lines']): Chart => ({
    title,
    unit,
    xTitle: TIME,
    xRange,
    lines,
    marks,
  });
  const seconds = (read: (second: SecondCount, count: TrafficCount) => number) =>
    phases.flatMap((phase) => [...secondPoints(phase, read), gapAfter(phase)]);
  const samples = (read: (sample: Sample) => number) =>
    phases.flatMap((phase) => [
      ...phase.samples.map((sample): Point => [sample.second, read(sample)]),
      gapAfter(phase),
    ]);
  return [
    time(
      'Latency, from when a request was due',
      'ms',
      PERCENTILES.map((p) => ({
        name: `p${100 * p}`,
        points: phases.flatMap((phase) => [...percentilePoints(phase, p), gapAfter(phase)]),
      })),
    ),
    time('Throughput', 'images a second', [
      { name: 'offered', points: seconds(({ offered }, { images }) => offered * images) },
      { name: 'answered', points: seconds(({ answered }, { images }) => answered * images) },
    ]),
    time('Not answered, by when it was due', 'requests a second', [
      { name: 'refused', points: seconds(({ outcomes }) => outcomes.refused) },
      { name: 'expired', points: seconds(({ outcomes }) => outcomes.expired) },
      { name: 'failed', points: seconds(({ outcomes }) => outcomes.failed) },
    ]),
    time('Queue', 'images', [{ name: 'waiting', points: samples(({ queueDepth }) => queueDepth) }]),
    time('Event-loop delay, p99 of each second', 'ms', [
      { name: 'p99', points: samples(({ eventLoopP99 }) => eventLoopP99) },
    ]),
    time('Memory', 'MiB', [{ name: 'resident', points: samples(({ residentBytes }) => residentBytes / MIB) }]),
    distribution(phases),
  ];
}

/** Each second of the schedule, over the phase's traffics. */
function secondPoints(
  { start, counts }: PhaseResult,
  read: (second: SecondCount, count: TrafficCount) => number,
): Point[] {
  const length = Math.max(...counts.map(({ seconds }) => seconds.length));
  return Array.from({ length }, (_, index) => [
    start + index,
    counts.reduce(
      (sum, count) => sum + (count.seconds[index] === undefined ? 0 : read(count.seconds[index], count)),
      0,
    ),
  ]);
}

function percentilePoints({ start, counts }: PhaseResult, p: number): Point[] {
  const length = Math.max(...counts.map(({ seconds }) => seconds.length));
  return Array.from({ length }, (_, index) => {
    const merged = LatencyHistogram.merge(counts.map(({ seconds }) => seconds[index]?.latency ?? ''));
    return [start + index, merged.quantile(p)];
  });
}

/** The last sample is taken once everything is answered. */
function endOf({ start, seconds, samples }: PhaseResult): number {
  return Math.max(start + seconds, samples.at(-1)?.second ?? 0);
}

/** Lines are not drawn through the rest between phases. */
function gapAfter({ start, seconds }: PhaseResult): Point {
  return [start + seconds, Number.NaN];
}

/** Percentiles as a latency user sees them: each step to the right is ten times rarer. */
function distribution(phases: readonly PhaseResult[]): Chart {
  const names = [...new Set(phases.map(({ name }) => name))];
  const lines = names.slice(0, 6).map((name) => {
    const counts = phases.filter((phase) => phase.name === name).flatMap((phase) => phase.counts.slice(0, 1));
    const latency = LatencyHistogram.decode(mergeCounts(counts.map((count) => ({ ...count, name }))).latency);
    const points = Array.from({ length: 61 }, (_, index): Point => {
      const nines = index / 20;
      // Rarer than one of what was counted is unknown.
      return [nines, latency.count >= 10 ** nines ? latency.quantile(1 - 10 ** -nines) : Number.NaN];
    });
    return { name, points };
  });
  const xText = (nines: number) => (Number.isInteger(nines) ? (['min', '90 %', '99 %', '99.9 %'][nines] ?? '') : '');
  return { title: 'Distribution of latency', unit: 'ms', xTitle: 'percentile', lines, xText };
}
