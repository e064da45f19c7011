import { LatencyHistogram } from './histogram.js';
import type { Outcomes, SecondCount, TrafficCount } from './traffic.js';

/** Counts of one traffic from several processes as one. @throws Error for none, or for counts of different traffics */
export function mergeCounts(counts: readonly TrafficCount[]): TrafficCount {
  const [first] = counts;
  if (first === undefined || counts.some(({ name }) => name !== first.name)) {
    throw new Error(`counts of ${counts.map(({ name }) => name).join(', ') || 'nothing'}`);
  }
  const merge = (read: (count: TrafficCount) => string) => LatencyHistogram.merge(counts.map(read)).encode();
  const sum = (read: (count: TrafficCount) => number) => counts.reduce((total, count) => total + read(count), 0);
  const length = Math.max(...counts.map(({ seconds }) => seconds.length));
  return {
    name: first.name,
    images: first.images,
    offered: sum(({ offered }) => offered),
    outcomes: sumOutcomes(counts.map(({ outcomes }) => outcomes)),
    latency: merge(({ latency }) => latency),
    refusal: merge(({ refusal }) => refusal),
    lateness: merge(({ lateness }) => lateness),
    stages: {
      decode: merge(({ stages }) => stages.decode),
      queue: merge(({ stages }) => stages.queue),
      compute: merge(({ stages }) => stages.compute),
    },
    rest: merge(({ rest }) => rest),
    seconds: Array.from({ length }, (_, index) => mergeSeconds(counts.flatMap(({ seconds }) => seconds[index] ?? []))),
    labels: { sent: sum(({ labels }) => labels.sent), failed: sum(({ labels }) => labels.failed) },
    problems: mergeProblems(counts),
  };
}

export function sumOutcomes(all: readonly Outcomes[]): Outcomes {
  const sum = (key: keyof Outcomes) => all.reduce((total, outcomes) => total + outcomes[key], 0);
  return { ok: sum('ok'), refused: sum('refused'), expired: sum('expired'), failed: sum('failed') };
}

function mergeSeconds(seconds: readonly SecondCount[]): SecondCount {
  return {
    offered: seconds.reduce((total, { offered }) => total + offered, 0),
    answered: seconds.reduce((total, { answered }) => total + answered, 0),
    outcomes: sumOutcomes(seconds.map(({ outcomes }) => outcomes)),
    latency: LatencyHistogram.merge(seconds.map(({ latency }) => latency)).encode(),
  };
}

function mergeProblems(counts: readonly TrafficCount[]): Record<string, number> {
  const merged: Record<string, number> = {};
  for (const { problems } of counts) {
    for (const [problem, count] of Object.entries(problems)) merged[problem] = (merged[problem] ?? 0) + count;
  }
  return merged;
}
