import type { HeadDirectory } from '../../labels/head-directory.js';
import type { HeadStatus, LearningObserver } from '../../learning.js';
import type { BucketFollower } from '../../nats/stores/bucket-follower.js';
import type { HeadChange, HeadStore } from '../../nats/stores/head-store.js';
import {
  type HeadDefinition,
  type HeadStatistics,
  type HeadVersion,
  LearnerError,
  type ServingHead,
} from '../../types.js';
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
import type { StoredStatistics } from './stored-statistics.js';
import { VersionLoader } from './version-loader.js';

/** What of NATS the registry needs, once it is there. */
export interface RegistryParts {
  readonly store: HeadStore;
  /** undefined in processes that do not serve. */
  readonly models: ServingModels | undefined;
  readonly statistics: StoredStatistics;
}

/** A name that was not found is not asked for again for so long. */
const UNKNOWN_MS = 1_000;
const MAX_UNKNOWN = 1_000;
/** Names that an error lists. */
const MAX_LISTED = 20;

/** What this process and the leases say of a head. */
export interface TeachingView {
  /** Of the learner in this process. */
  live(head: string): LiveHead | undefined;
  taughtBy(head: string): HeadStatus['taughtBy'];
}

/**
 * All heads as NATS's key-value bucket tells them, with the version that each is served from. Every process holds one; it
 * follows the bucket, so that what one process changes reaches all.
 */
export class HeadRegistry implements HeadDirectory {
  private readonly views = new Map<string, HeadView>();
  private readonly unknownUntil = new Map<string, number>();
  /** What labels may call the classes, by statistics. */
  private readonly labels = new WeakMap<HeadStatistics, ReadonlySet<string>>();
  private parts: RegistryParts | undefined;
  private follower: BucketFollower | undefined;
  private readonly listeners = new Set<(head: string | undefined) => void>();
  private readonly loader: VersionLoader;
  private isLoaded = false;
  private stopped = false;

  constructor(
    private readonly observer: LearningObserver,
    private readonly teaching: TeachingView,
  ) {
    this.loader = new VersionLoader({
      log: observer.log,
      isStopped: () => this.stopped,
      loaded: (name) => this.notify(name),
      tellDamaged: (name, value) => this.store.put(name, 'damaged', value),
    });
  }

  get loaded(): boolean {
    return this.isLoaded;
  }

  /** Begins to follow the bucket. @throws when NATS does not answer. */
  async follow(parts: RegistryParts): Promise<void> {
    this.parts = parts;
    this.stopped = false;
    const onLoaded = () => {
      this.isLoaded = true;
      this.notify(undefined);
    };
    const onTrouble = (problem: string) => this.observer.log('warn', problem);
    this.follower?.stop();
    this.follower = parts.store.follower((change) => this.take(change), { onLoaded, onTrouble });
    await this.follower.start();
  }

  stop(): void {
    this.stopped = true;
    this.follower?.stop();
  }

  /** Calls the listener after every change, with the head's name; undefined: it may be any. Returns what ends it. */
  onChange(listener: (head: string | undefined) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** undefined: there is no such head, or none is known. */
  definition(name: string): HeadDefinition | undefined {
    return definitionOf(this.views.get(name));
  }

  /** Epoch of the lease under which the head's pointer was written last; 0: never. */
  epoch(name: string): number {
    return this.views.get(name)?.latest?.value.epoch ?? 0;
  }

  /** The head's keys, as last heard of. */
  view(name: string): Readonly<HeadView> | undefined {
    return this.views.get(name);
  }

  /** Names of heads that were deleted at least once, and still left something. */
  withRemains(): string[] {
    return [...this.views.keys()].filter((name) => this.remains(name).length > 0);
  }

  /** Generations of the head that were deleted, and that still left something. */
  remains(name: string): readonly number[] {
    return this.views.get(name)?.definition?.value.remains ?? [];
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
    if (view === undefined || definition === undefined) return undefined;
    const serves = this.parts?.models !== undefined;
    return statusOf(view, definition, this.teaching.live(name), this.teaching.taughtBy(name), serves);
  }

  /** With all classes. @throws LearnerError head_unknown; whatever NATS says when it must be asked and does not answer. */
  async statistics(name: string): Promise<HeadStatistics> {
    const [definition, view] = this.must(name);
    const known = this.mustStatus(name).statistics;
    const pointer = view.latest?.value;
    if (this.teaching.live(name) || pointer?.statistics !== known || !this.parts) return known;
    return this.parts.statistics.whole(definition, pointer);
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

  async find(name: string): Promise<HeadDefinition | undefined> {
    const known = definitionOf(this.views.get(name));
    if (known || (this.unknownUntil.get(name) ?? 0) > Date.now()) return known;
    const stored = await this.store.get(name, 'definition');
    if (stored && !stored.value.deleted) {
      this.take({ head: name, key: 'definition', stored, revision: stored.revision });
    } else {
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

  async upToNow(): Promise<void> {
    if (this.follower) return this.follower.upToNow();
    throw notAnswered();
  }

  classCount(name: string): number {
    return this.status(name)?.classCount ?? 0;
  }

  async knowsClass(name: string, label: string): Promise<boolean> {
    // Mostly it is a frequent class, which the pointer names.
    if (this.labelsOf(this.mustStatus(name).statistics).has(label)) return true;
    return this.labelsOf(await this.statistics(name)).has(label);
  }

  /** Names of classes, and those that they had before. */
  private labelsOf(statistics: HeadStatistics): ReadonlySet<string> {
    const { classes, aliases } = statistics;
    const known =
      this.labels.get(statistics) ??
      new Set([...classes.map((each) => each.name), ...aliases.map((each) => each.from)]);
    this.labels.set(statistics, known);
    return known;
  }

  /** Our own writes come here before the watch tells them. */
  take(change: HeadChange): void {
    const view = this.views.get(change.head) ?? {};
    this.views.set(change.head, view);
    this.unknownUntil.delete(change.head);
    applyChange(view, change);
    if (change.key !== 'compaction') void this.loadWanted(change.head);
    this.notify(change.head);
  }

  /** Loads the version that should be served, and swaps it in. */
  async loadWanted(name: string): Promise<void> {
    const view = this.views.get(name);
    if (view && this.parts?.models) await this.loader.follow(view, this.parts.models);
  }

  private notify(head: string | undefined): void {
    for (const listener of this.listeners) listener(head);
  }

  /** @throws LearnerError head_unknown, head_unavailable before the first full view. */
  must(name: string): [HeadDefinition, HeadView] {
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

  /** @throws LearnerError head_unknown. */
  mustStatus(name: string): HeadStatus {
    const status = this.status(name);
    if (status === undefined) throw this.unknown(name);
    return status;
  }

  /** @throws LearnerError version_unknown. */
  mustVersion(name: string, view: HeadView, version: number): HeadVersion {
    const versions = versionsOf(view);
    const known = versions.find((candidate) => candidate.version === version);
    if (known) return known;
    const list = versions.map((candidate) => candidate.version).join(', ') || 'none yet';
    throw new LearnerError('version_unknown', `head '${name}' has no version ${version}; there are: ${list}`);
  }

  /** @throws LearnerError nats_unavailable. */
  get store(): HeadStore {
    if (this.parts) return this.parts.store;
    throw notAnswered();
  }

  private mustModels(): ServingModels {
    if (this.parts?.models) return this.parts.models;
    throw new LearnerError('head_unavailable', "this process does not serve heads: its roles lack 'serve'");
  }

  unknown(name: string): LearnerError {
    const names = this.definitions().map((definition) => definition.name);
    const more = names.length > MAX_LISTED ? `, ... (${names.length} in all)` : '';
    const list = names.slice(0, MAX_LISTED).join(', ') || 'none';
    return new LearnerError('head_unknown', `there is no head '${name}'; heads: ${list}${more}`);
  }
}

function notAnswered(): LearnerError {
  return new LearnerError('nats_unavailable', 'NATS has not answered since the start; try again in a moment');
}
