import { setTimeout as delay } from 'node:timers/promises';
import { createDeclaredHeads } from './heads/catalogue/declared-heads.js';
import { HeadCatalogue } from './heads/catalogue/head-catalogue.js';
import { headProgress } from './heads/catalogue/head-progress.js';
import { HeadRegistry } from './heads/registry/head-registry.js';
import { ServingModels } from './heads/registry/serving-models.js';
import { StoredStatistics } from './heads/registry/stored-statistics.js';
import { type Stores, startTeaching, type Teaching } from './heads/teaching/teaching.js';
import { ImageLabels } from './labels/image-labels.js';
import { LabelIntake } from './labels/label-intake.js';
import { LabelPublisher } from './labels/publish.js';
import { SampleWriter } from './labels/sample-writer.js';
import type { LabelInput, Learning, LearningObserver, QueueDepth, ServedItem } from './learning.js';
import type { NatsLink } from './nats/connection/connection.js';
import { RemovedIds } from './nats/log/removed-ids.js';
import { TrainingLog } from './nats/log/training-log.js';
import { DeadLetters } from './nats/stores/dead-letters.js';
import { HeadStore } from './nats/stores/head-store.js';
import { ServedCache } from './nats/stores/served-cache.js';
import { ServedRecords } from './nats/stores/served-records.js';
import { SnapshotStore } from './nats/stores/snapshot-store.js';
import { DEFAULT_FENCE_MS, ensureStreams, LABELS_STREAM } from './nats/streams/streams.js';
import type { LearningOptions } from './options.js';
import { type LabelResult, LearnerError, type ServingHead } from './types.js';

const SETUP_RETRY_MS = 2_000;
const SERVED_CACHE_BYTES = 64 << 20;
/** Images of labels embedded at once, a backbone. */
const IMAGE_CONCURRENCY = 16;

/** What the server's calls need, once NATS has answered. */
interface Connected {
  readonly served: ServedRecords;
  readonly publisher: LabelPublisher;
  readonly intake: LabelIntake | undefined;
}

/** The learner's parts put together according to the roles, on a connection that may come later and go at any time. */
export class LearningSystem implements Learning {
  readonly heads: HeadCatalogue;
  private readonly registry: HeadRegistry;
  private readonly results = new Map<string, Partial<Record<LabelResult, number>>>();
  private readonly observer: LearningObserver;
  private teaching: Teaching | undefined;
  private system: Connected | undefined;
  private link: NatsLink | undefined;
  private setupProblem: string | undefined = 'waiting for NATS';
  /** Ends what was begun, last first. */
  private readonly stops: (() => unknown)[] = [];
  private readonly closing = new AbortController();
  private setup: Promise<void> = Promise.resolve();

  /** @param end what to do last, when all is closed: stop the embedded server */
  constructor(
    private readonly options: LearningOptions,
    private readonly end: () => Promise<void>,
  ) {
    this.observer = {
      ...options.observer,
      labelResult: (head, result) => {
        this.count(head, result);
        options.observer.labelResult(head, result);
      },
    };
    this.registry = new HeadRegistry(this.observer, {
      live: (head) => this.teaching?.live(head),
      taughtBy: (head) => this.teaching?.taughtBy(head) ?? 'nobody',
    });
    this.registry.onChange((head) => this.forgetIfDeleted(head));
    this.heads = new HeadCatalogue(this.registry);
  }

  /** Begins in the background: what needs NATS answers `nats_unavailable` until it is there. */
  begin(connect: (signal: AbortSignal) => Promise<NatsLink>): void {
    this.setup = this.setUp(connect);
  }

  get connected(): boolean {
    return this.system !== undefined && (this.link?.connected ?? false);
  }

  get problem(): string | undefined {
    if (this.setupProblem) return this.setupProblem;
    return this.connected ? undefined : 'NATS is away';
  }

  async recordServed(head: ServingHead, items: readonly ServedItem[]): Promise<boolean> {
    if (this.system) return this.system.served.store(head, items);
    for (const _ of items) this.observer.dropped('served_record');
    return false;
  }

  async publishLabels(head: string, labels: readonly LabelInput[], traceparent?: string): Promise<number[]> {
    if (!this.system) {
      throw new LearnerError('nats_unavailable', `labels can't be stored: ${this.problem}; send them again later`);
    }
    return this.system.publisher.publish(await this.registry.mustFind(head), labels, traceparent);
  }

  labelResults(head: string): Readonly<Partial<Record<LabelResult, number>>> {
    return this.results.get(head) ?? {};
  }

  queues(): readonly QueueDepth[] {
    if (!this.system) return [];
    const { served, intake } = this.system;
    return [{ name: 'served_records', depth: served.depth, limit: served.limit }, ...(intake?.queues ?? [])];
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.setup;
    await this.stopAll();
    await this.link?.close();
    await this.end();
  }

  private async stopAll(): Promise<void> {
    for (const stop of this.stops.splice(0).reverse()) await stop();
  }

  private async setUp(connect: (signal: AbortSignal) => Promise<NatsLink>): Promise<void> {
    const { signal } = this.closing;
    while (!signal.aborted) {
      try {
        this.link ??= await connect(signal);
        this.system = await this.assemble(this.link);
        this.setupProblem = undefined;
        this.observer.connected(this.link.connected);
        return;
      } catch (error) {
        await this.stopAll();
        if (signal.aborted) return;
        const problem = (error as Error).message;
        if (problem !== this.setupProblem) this.observer.log('error', problem);
        this.setupProblem = problem;
        await delay(SETUP_RETRY_MS, undefined, { signal }).catch(() => {});
      }
    }
  }

  private async assemble(link: NatsLink): Promise<Connected> {
    const { observer } = this;
    const { roles, labels, nats, heads, training } = this.options;
    const fenceMs = training.fenceMs ?? DEFAULT_FENCE_MS;
    const { windowMs, dedupeMs } = labels;
    const settings = { replicas: nats.replicas, windowMs, dedupeMs, fenceMs, bytes: nats.streams, log: observer.log };
    const { created } = await ensureStreams(link, settings);
    const removed = new RemovedIds(link, fenceMs, nats.streams.ids);
    const stores: Stores = {
      link,
      store: await HeadStore.open(link),
      snapshots: await SnapshotStore.open(link),
      log: new TrainingLog(link, removed, nats.streams.training),
      removed,
    };
    const cache = new ServedCache(SERVED_CACHE_BYTES);
    const onDropped = () => observer.dropped('served_record');
    const served = new ServedRecords(link, { mode: labels.record, cache, onDropped });
    await this.followHeads(stores);
    await createDeclaredHeads(heads, this.registry, this.heads, stores.store, observer.log);

    const writer = new SampleWriter(stores.log, new DeadLetters(link), observer, windowMs);
    await this.teach(stores, fenceMs);
    if (roles.includes('serve')) this.embedImages(link, writer);
    const common = { link, heads: this.registry, served, cache, writer, observer, bytes: nats.streams };
    const intake = roles.includes('join')
      ? LabelIntake.start({ ...common, graceMs: labels.graceMs, labelsCreated: created[LABELS_STREAM] })
      : undefined;
    if (intake) this.stops.push(() => intake.stop());
    return { served, publisher: new LabelPublisher(link), intake };
  }

  private async followHeads({ link, store, snapshots, log }: Stores): Promise<void> {
    const models = this.options.roles.includes('serve') ? new ServingModels(snapshots) : undefined;
    const parts = { store, models, statistics: new StoredStatistics(store, snapshots) };
    this.heads.connect({ link, store, snapshots, log, progress: headProgress(link, log) });
    await this.registry.follow(parts);
    this.stops.push(() => this.registry.stop());
    const offStatus = link.onStatus((up) => {
      if (!this.closing.signal.aborted) this.observer.connected(up);
    });
    this.stops.push(offStatus);
  }

  private async teach(stores: Stores, fenceMs: number): Promise<void> {
    const { registry, observer, options } = this;
    const teaching = await startTeaching({ ...stores, registry, observer, options, fenceMs });
    this.teaching = teaching;
    this.stops.push(() => teaching.stop());
  }

  private embedImages(link: NatsLink, writer: SampleWriter): void {
    const onTrouble = (problem: string) => this.observer.log('warn', problem);
    for (const embedder of this.options.embedders) {
      const common = { link, heads: this.registry, writer, embedder, onTrouble };
      const images = new ImageLabels({ ...common, concurrency: IMAGE_CONCURRENCY });
      this.stops.push(() => images.stop());
    }
  }

  private count(head: string, result: LabelResult): void {
    // Of heads that exist only: names of others come from strangers.
    if (this.registry.definition(head) === undefined) return;
    const counts = this.results.get(head) ?? {};
    counts[result] = (counts[result] ?? 0) + 1;
    this.results.set(head, counts);
  }

  private forgetIfDeleted(head: string | undefined): void {
    const heads = head === undefined ? [...this.results.keys()] : [head];
    for (const each of heads) if (this.registry.definition(each) === undefined) this.results.delete(each);
  }
}
