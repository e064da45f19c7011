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

const IDLE_MS = 60_000;

interface HeadPast {
  readonly generation: number;
  readonly tiers: Tiers;
  samples: number;
  changedMs: number;
}

/** How heads did over time. */
export class HeadHistory {
  private readonly byName = new Map<string, HeadPast>();
  /** What each head had learned when it was last looked at. */
  private samples: ReadonlyMap<string, number> = new Map();

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
    this.samples = new Map(heads.map(({ definition, statistics }) => [definition.name, statistics.samples]));
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
    // Where there is no room, only a head that learns is worth that another is forgotten.
    const learns = statistics.samples > (this.samples.get(name) ?? Number.POSITIVE_INFINITY);
    if (this.byName.size >= MAX_HEADS && !(learns && this.makeRoom(nowMs))) return undefined;
    const tiers = new Tiers(HEAD_COLUMNS.length);
    const past = { generation, tiers, samples: statistics.samples, changedMs: nowMs };
    this.byName.set(name, past);
    return past;
  }

  /** Forgets the head that learned nothing for the longest time, if that is a minute. */
  private makeRoom(nowMs: number): boolean {
    let idlest: string | undefined;
    let changedMs = nowMs - IDLE_MS;
    for (const [name, past] of this.byName) {
      if (past.changedMs <= changedMs) [idlest, changedMs] = [name, past.changedMs];
    }
    return idlest !== undefined && this.byName.delete(idlest);
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
