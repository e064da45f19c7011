import { setTimeout as delay } from 'node:timers/promises';
import type { LearningObserver } from '../../learning.js';
import type { DamagedVersion } from '../../nats/stores/head-store.js';
import { Limited } from '../../tasks/limited.js';
import { type HeadDefinition, type HeadVersion, LearnerError } from '../../types.js';
import { definitionOf, type HeadView, servableVersion, wantedVersion } from './head-view.js';
import type { ServingModels } from './serving-models.js';

export interface VersionLoaderOptions {
  readonly log: LearningObserver['log'];
  isStopped(): boolean;
  /** A version was swapped in. */
  loaded(head: string): void;
  /** Whoever teaches the head shall store these weights anew. */
  tellDamaged(head: string, version: DamagedVersion): Promise<unknown>;
}

const RETRY_MS = 2_000;
/** Versions that are loaded at the same time. */
const LOADS = 8;

/** Keeps what heads are served from at the version that they should be served from. */
export class VersionLoader {
  private readonly loads = new Limited(LOADS);

  constructor(private readonly options: VersionLoaderOptions) {}

  /**
   * Loads the version that should be served, then swaps it in at once: who reads before sees the old one, whole. While its weights can't be read, the
   * best other one is served. One call a head at a time; it ends when what should be served is.
   */
  async follow(view: HeadView, models: ServingModels): Promise<void> {
    if (view.loading) return;
    view.loading = true;
    try {
      for (;;) {
        const definition = definitionOf(view);
        const version = servableVersion(view) ?? wantedVersion(view);
        if (this.options.isStopped() || !definition || !version) break;
        if (view.loaded?.version === version.version && view.loaded.generation === definition.generation) break;
        const loaded = await this.loads.run(() => this.load(view, definition, version, models));
        if (!loaded) await delay(RETRY_MS, undefined, { ref: false });
      }
    } finally {
      view.loading = false;
    }
  }

  /** @returns false when it should be tried again later */
  private async load(
    view: HeadView,
    definition: HeadDefinition,
    version: HeadVersion,
    models: ServingModels,
  ): Promise<boolean> {
    const { name, generation } = definition;
    try {
      const model = await models.load(definition, version);
      view.loaded = { generation, version: version.version, model };
      if (wantedVersion(view)?.version === version.version) view.problem = undefined;
      this.options.loaded(name);
      return true;
    } catch (error) {
      const damaged = error instanceof LearnerError && error.code === 'snapshot_corrupt';
      const isKnown = view.unreadable?.has(version.modelDigest) ?? false;
      if (damaged && isKnown) return false;
      const problem = `version ${version.version} can't be loaded: ${(error as Error).message}`;
      view.problem = damaged ? problem + this.giveWay(view, version) : problem;
      this.options.log('error', `head '${name}': ${view.problem}`);
      if (damaged) await this.tellDamaged(definition, version);
      return damaged;
    }
  }

  /** From now on another version serves. @returns which, as the end of a sentence */
  private giveWay(view: HeadView, { modelDigest }: HeadVersion): string {
    view.unreadable ??= new Set();
    view.unreadable.add(modelDigest);
    const instead = servableVersion(view);
    return instead ? `; version ${instead.version} is served until it is stored anew` : '';
  }

  private async tellDamaged(
    { name, generation }: HeadDefinition,
    { version, modelDigest }: HeadVersion,
  ): Promise<void> {
    await this.options.tellDamaged(name, { generation, version, modelDigest }).catch((error: Error) => {
      this.options.log('warn', `head '${name}': its learner can't be told of the damage: ${error.message}`);
    });
  }
}
