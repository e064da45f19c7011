// What a run leaves: settings, machine, results and verdicts. The JSON file is this; the page and the tables are made of it.
import type { CapacityResult } from '../run/capacity-run.js';
import type { LoadResult, Verdict } from '../scenarios/scenario.js';
import type { Machine } from './machine.js';

export interface Setting {
  readonly model: string;
  readonly engine: string;
  readonly batch: number;
  readonly threads: number;
  readonly input: string;
  readonly photos: string;
  readonly pinning: string;
  readonly seed: number;
  readonly scale: number;
}

export interface Entry {
  readonly scenario: string;
  readonly about: string;
  readonly setting: Setting;
  readonly verdicts: readonly Verdict[];
  /** One of the two. */
  readonly load?: LoadResult;
  readonly capacity?: CapacityResult;
}

export interface Report {
  readonly command: string;
  readonly machine: Machine;
  readonly entries: readonly Entry[];
}

export function brokenPromises({ entries }: Report): string[] {
  return entries.flatMap(({ scenario, setting, verdicts }) =>
    verdicts
      .filter(({ kept }) => !kept)
      .map(({ promise, measured }) => `${scenario} (${setting.model}, ${setting.engine}): ${promise}: ${measured}`),
  );
}
