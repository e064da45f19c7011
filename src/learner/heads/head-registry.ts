import { setTimeout as delay } from 'node:timers/promises';
import type { HeadDirectory } from '../labels/head-directory.js';
import type { HeadProgress, HeadRequest, HeadStatus, Heads, LearningObserver } from '../learning.js';
import type { HeadChange, HeadStore } from '../nats/head-store.js';
import type { HeadDefinition, ServingHead } from '../types.js';
import { LearnerError } from '../types.js';
import { checkHeadRequest } from './head-request.js';
import {
  applyChange,
  definitionOf,
  type HeadView,
  type LiveHead,
  statusOf,
  versionsOf,
  wantedVersion,
} from './head-view.js';
import type { ServingModels } from './serving-models.js';

/** What of NATS the registry needs, once it is there. */
export interface RegistryParts {
  readonly store: HeadStore;
  /** undefined in processes that do not serve. */
  readonly models: ServingModels | undefined;
  /** Labels waiting and the log's end: asked of NATS. */
  progress(definition: HeadDefinition): Promise<HeadProgress>;
  /** Removes what a deleted generation leaves behind. */
  cleanUp(definition: HeadDefinition, view: HeadView): Promise<void>;
}

const LOAD_RETRY_MS = 2_000;
/** A name that was not found is not asked for again for so long. */
const UNKNOWN_MS = 1_000;
const MAX_UNKNOWN = 1_000;

/**
 * All heads as NATS's key-value bucket tells them, with the version that each is served from. Every process holds one; it
 * follows the bucket, so that what one process changes reaches all.
 */
export class HeadRegistry implements Heads, HeadDirectory {
  private readonly views = new Map<string, HeadView>();
  private readonly unknownUntil = new Map<string, number>();
  private readonly classSets = new Map<string, { revision: number; names: ReadonlySet<string> }>();
  private parts: RegistryParts | undefined;
  private stopWatch: () => void = () => {};
  private readonly listeners = new Set<() => void>();
  private isLoaded = false;
  private stopped = false;

  constructor(
    private readonly observer: LearningObserver,
    private readonly live: (head: string) => LiveHead | undefined,
  ) {}

  get loaded(): boolean {
    return this.isLoaded;
  }

  /** Begins, or begins again after a lost connection, to follow the bucket. */
  async follow(parts: RegistryParts): Promise<void> {
    this.parts = parts;
    this.stopped = false;
    this.stopWatch();
    this.stopWatch = await parts.store.watch(
      (change) => this.take(change),
      () => {
        this.isLoaded = true;
        this.notify();
      },
      (problem) => this.observer.log('error', problem),
    );
  }

  stop(): void {
    this.stopped = true;
    this.stopWatch();
    this.listeners.clear();
  }

  /** Called after every change. */
  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }

  /** Definitions of all heads, by name. */
  definitions(): HeadDefinition[] {
    const names = [...this.views.keys()].sort();
    return names.map((name) => definitionOf(this.views.get(name))).filter((definition) => definition !== undefined);
  }

  list(): readonly HeadStatus[] {
    return this.definitions().map(({ name }) => this.mustStatus(name));
  }

  status(name: string): HeadStatus | undefined {
    const view = this.views.get(name);
    const definition = definitionOf(view);
    return view && definition && statusOf(view, definition, this.live(name));
  }

  serving(name: string): ServingHead {
    const [definition, view] = this.must(name);
    const wanted = wantedVersion(view);
    if (wanted === undefined) return { definition, version: 0, model: null };
    const { loaded } = view;
    if (loaded === undefined || loaded.generation !== definition.generation) {
      throw new LearnerError(
        'head_unavailable',
        `head '${name}' is loading version ${wanted.version}: ${view.problem ?? 'try again in a moment'}`,
      );
    }
    return { definition, version: loaded.version, model: loaded.model };
  }

  async version(name: string, version: number): Promise<ServingHead> {
    const [definition, view] = this.must(name);
    if (view.loaded?.version === version && view.loaded.generation === definition.generation) return this.serving(name);
    const known = this.mustVersion(name, view, version);
    return { definition, version, model: await this.mustModels().load(definition, known) };
  }

  async create(request: HeadRequest): Promise<HeadStatus> {
    const classes = checkHeadRequest(request);
    const { store } = this.mustParts();
    const before = await store.get(request.name, 'definition');
    if (before && !before.value.deleted) throw alreadyThere(request.name);
    const generation = (before?.value.generation ?? 0) + 1;
    const value = { ...request, classes, generation, createdAtMs: Date.now(), deleted: false };
    const revision = await store.compareAndSet(request.name, 'definition', value, before?.revision);
    if (revision === undefined) throw alreadyThere(request.name);
    this.take({ head: request.name, key: 'definition', stored: { value, revision } });
    return this.mustStatus(request.name);
  }

  async delete(name: string): Promise<void> {
    const parts = this.mustParts();
    const stored = await parts.store.get(name, 'definition');
    if (!stored || stored.value.deleted) throw this.unknown(name);
    const value = { ...stored.value, deleted: true };
    const revision = await parts.store.compareAndSet(name, 'definition', value, stored.revision);
    if (revision === undefined)
      throw new LearnerError('head_unavailable', `head '${name}' changed meanwhile; try again`);
    const view = { ...this.views.get(name) };
    this.take({ head: name, key: 'definition', stored: { value, revision } });
    await parts.cleanUp(stored.value, view);
  }

  async rollback(name: string, version: number): Promise<HeadStatus> {
    const [definition, view] = this.must(name);
    const { store } = this.mustParts();
    if (version === 0) await store.remove(name, 'serving');
    else {
      this.mustVersion(name, view, version);
      await store.put(name, 'serving', { generation: definition.generation, version });
    }
    this.take({ head: name, key: 'serving', stored: await store.get(name, 'serving') });
    await this.loadWanted(name);
    return this.mustStatus(name);
  }

  progress(name: string): Promise<HeadProgress> {
    const [definition] = this.must(name);
    return this.mustParts().progress(definition);
  }

  async find(name: string): Promise<HeadDefinition | undefined> {
    const known = definitionOf(this.views.get(name));
    if (known || (this.unknownUntil.get(name) ?? 0) > Date.now()) return known;
    const stored = await this.mustParts().store.get(name, 'definition');
    if (stored && !stored.value.deleted) this.take({ head: name, key: 'definition', stored });
    else {
      if (this.unknownUntil.size >= MAX_UNKNOWN) this.unknownUntil.clear();
      this.unknownUntil.set(name, Date.now() + UNKNOWN_MS);
    }
    return definitionOf(this.views.get(name));
  }

  /** @throws LearnerError head_unknown. */
  async mustFind(name: string): Promise<HeadDefinition> {
    const definition = await this.find(name);
    if (definition === undefined) throw this.unknown(name);
    return definition;
  }

  classes(name: string): ReadonlySet<string> {
    const latest = this.views.get(name)?.latest;
    if (latest === undefined) return new Set();
    const known = this.classSets.get(name);
    if (known?.revision === latest.revision) return known.names;
    const names = new Set(latest.value.statistics.classes.map((statistics) => statistics.name));
    this.classSets.set(name, { revision: latest.revision, names });
    return names;
  }

  /** Our own writes come here before the watch tells them. */
  take(change: HeadChange): void {
    const view = this.views.get(change.head) ?? {};
    this.views.set(change.head, view);
    this.unknownUntil.delete(change.head);
    applyChange(view, change);
    void this.loadWanted(change.head);
    this.notify();
  }

  /** Loads the version that should be served, then swaps it in at once: who reads before sees the old one, whole. */
  private async loadWanted(name: string): Promise<void> {
    const view = this.views.get(name);
    const models = this.parts?.models;
    if (view === undefined || models === undefined || view.loading) return;
    view.loading = true;
    try {
      for (;;) {
        const definition = definitionOf(view);
        const wanted = wantedVersion(view);
        const { loaded } = view;
        if (this.stopped || !definition || !wanted) break;
        if (loaded?.version === wanted.version && loaded.generation === definition.generation) break;
        try {
          const model = await models.load(definition, wanted);
          view.loaded = { generation: definition.generation, version: wanted.version, model };
          view.problem = undefined;
          this.notify();
        } catch (error) {
          view.problem = `version ${wanted.version} can't be loaded: ${(error as Error).message}`;
          this.observer.log('error', `head '${name}': ${view.problem}`);
          await delay(LOAD_RETRY_MS, undefined, { ref: false });
        }
      }
    } finally {
      view.loading = false;
    }
  }

  private notify(): void {
    for (const listener of this.listeners) listener();
  }

  private must(name: string): [HeadDefinition, HeadView] {
    const view = this.views.get(name);
    const definition = definitionOf(view);
    if (view && definition) return [definition, view];
    if (!this.isLoaded) {
      throw new LearnerError(
        'head_unavailable',
        'heads are not loaded yet: NATS has not answered since the start; try again in a moment',
      );
    }
    throw this.unknown(name);
  }

  private mustStatus(name: string): HeadStatus {
    const status = this.status(name);
    if (status === undefined) throw this.unknown(name);
    return status;
  }

  private mustVersion(name: string, view: HeadView, version: number) {
    const versions = versionsOf(view);
    const known = versions.find((candidate) => candidate.version === version);
    if (known) return known;
    const list = versions.map((candidate) => candidate.version).join(', ') || 'none yet';
    throw new LearnerError('version_unknown', `head '${name}' has no version ${version}; there are: ${list}`);
  }

  private mustParts(): RegistryParts {
    if (this.parts) return this.parts;
    throw new LearnerError('nats_unavailable', 'NATS has not answered since the start; try again in a moment');
  }

  private mustModels(): ServingModels {
    const { models } = this.mustParts();
    if (models) return models;
    throw new LearnerError('head_unavailable', "this process does not serve heads: its roles lack 'serve'");
  }

  private unknown(name: string): LearnerError {
    const list =
      this.definitions()
        .map((definition) => definition.name)
        .join(', ') || 'none';
    return new LearnerError('head_unknown', `there is no head '${name}'; heads: ${list}`);
  }
}

function alreadyThere(name: string): LearnerError {
  return new LearnerError('head_exists', `there is a head '${name}' already; delete it first, or choose another name`);
}
