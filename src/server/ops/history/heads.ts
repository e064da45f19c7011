import type { HeadStatus, WindowAccuracy } from '../../../learner/index.js';
import { Tiers } from './tiers.js';

/** Accuracies are over the last 100 and 1000 samples, 0 to 1. */
export const HEAD_COLUMNS = [
  'samples',
  'served100',
  'served1000',
  'prequential100',
  'prequential1000',
  'servingVersion',
  'latestVersion',
  'lag',
] as const;

/** Heads whose past is kept: 70 KB each. Of more, those that learned last. */
export const MAX_HEADS = 128;

interface HeadPast {
  readonly generation: number;
  readonly tiers: Tiers;
  samples: number;
  changedMs: number;
}

/** How heads did over time. */
export class HeadHistory {
  private readonly byName = new Map<string, HeadPast>();

  tick(nowMs: number, heads: readonly HeadStatus[]): void {
    const names = new Set(heads.map(({ definition }) => definition.name));
    for (const name of this.byName.keys()) if (!names.has(name)) this.byName.delete(name);
    for (const status of heads) {
      const past = this.pastOf(status, nowMs);
      if (past === undefined) continue;
      const { samples } = status.statistics;
      if (samples !== past.samples) Object.assign(past, { samples, changedMs: nowMs });
      past.tiers.record(nowMs, () => valuesOf(status));
    }
  }

  /** undefined: nothing is kept of this head. */
  rows(name: string, sinceMs: number): number[][] | undefined {
    return this.byName.get(name)?.tiers.rows(sinceMs);
  }

  private pastOf({ definition, statistics }: HeadStatus, nowMs: number): HeadPast | undefined {
    const { name, generation } = definition;
    const known = this.byName.get(name);
    if (known?.generation === generation) return known;
    this.byName.delete(name);
    if (this.byName.size >= MAX_HEADS && !this.makeRoom(nowMs, statistics.samples)) return undefined;
    const tiers = new Tiers(HEAD_COLUMNS.length);
    const past = { generation, tiers, samples: statistics.samples, changedMs: nowMs };
    this.byName.set(name, past);
    return past;
  }

  /** Forgets the head that learned nothing for the longest time, if that is a minute. Heads without samples need no room. */
  private makeRoom(nowMs: number, samples: number): boolean {
    if (samples === 0) return false;
    const [oldest] = [...this.byName].sort(([, a], [, b]) => a.changedMs - b.changedMs);
    if (oldest === undefined || nowMs - oldest[1].changedMs < 60_000) return false;
    return this.byName.delete(oldest[0]);
  }
}

function valuesOf({ statistics, servingVersion, latestVersion, lag }: HeadStatus): number[] {
  const { samples, servedAccuracy, prequentialAccuracy } = statistics;
  return [
    samples,
    accuracyOf(servedAccuracy, 100),
    accuracyOf(servedAccuracy, 1000),
    accuracyOf(prequentialAccuracy, 100),
    accuracyOf(prequentialAccuracy, 1000),
    servingVersion,
    latestVersion,
    lag ?? Number.NaN,
  ];
}

/** NaN: no label yet is no accuracy of 0. */
function accuracyOf(windows: readonly WindowAccuracy[], wanted: number): number {
  const found = windows.find(({ window }) => window === wanted);
  return found === undefined || found.count === 0 ? Number.NaN : found.accuracy;
}
