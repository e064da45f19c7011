import { setTimeout as delay } from 'node:timers/promises';
import { FoldPool } from './fold/fold-pool.js';
import { cleanUpHead, headProgress } from './heads/generations.js';
import { HeadLearners } from './heads/head-learners.js';
import { HeadRegistry } from './heads/head-registry.js';
import { ServingModels } from './heads/serving-models.js';
import { ImageLabels } from './labels/image-labels.js';
import { LabelPipeline } from './labels/label-pipeline.js';
import { ParkedLabels } from './labels/parked-labels.js';
import { LabelPublisher } from './labels/publish.js';
import { SampleWriter } from './labels/sample-writer.js';
import type { LabelInput, Learning, QueueDepth, ServedItem } from './learning.js';
import { sweepAcknowledged } from './nats/acknowledged.js';
import type { NatsLink } from './nats/connection.js';
import { DeadLetters } from './nats/dead-letters.js';
import { HeadStore } from './nats/head-store.js';
import { ServedCache } from './nats/served-cache.js';
import { ServedRecords } from './nats/served-records.js';
import { SnapshotStore } from './nats/snapshot-store.js';
import { StreamFollower } from './nats/stream-follower.js';
import {
  EMBED_STREAM,
  type EnsuredStreams,
  ensureStreams,
  LABELS_STREAM,
  PARKED_STREAM,
  SERVED_STREAM,
} from './nats/streams.js';
import { TrainingLog } from './nats/training-log.js';
import type { LearningOptions } from './options.js';
import { type LabelResult, LearnerError, type ServingHead } from './types.js';

const SETUP_RETRY_MS = 2_000;
const SERVED_CACHE_BYTES = 64 << 20;
/** Images of labels embedded at once, a backbone. */
const IMAGE_CONCURRENCY = 16;

/** What there is once NATS has answered. */
interface Connected {
  readonly link: NatsLink;
  readonly served: ServedRecords;
  readonly publisher: LabelPublisher;
  readonly queues: () => QueueDepth[];
  /** In the order in which they end. */
  readonly stops: (() => Promise<unknown>)[];
}

/** The learner's parts put together according to the roles, on a connection that may come later and go at any time. */
export class LearningSystem implements Learning {
  readonly heads: HeadRegistry;
  private readonly results = new Map<string, Partial<Record<LabelResult, number>>>();
  private learners: HeadLearners | undefined;
  private system: Connected | undefined;
  private link: NatsLink | undefined;
  private setupProblem: string | undefined = 'waiting for NATS';
  private readonly closing = new AbortController();
  private setup: Promise<void> = Promise.resolve();

  /** @param end what to do last, when all is closed: stop the embedded server */
  constructor(
    private readonly options: LearningOptions,
    private readonly end: () => Promise<void>,
  ) {
    const { observer } = options;
    const counting = {
      ...observer,
      labelResult: (head: string, result: LabelResult) => {
        this.count(head, result);
        observer.labelResult(head, result);
      },
    };
    this.options = { ...options, observer: counting };
    this.heads = new HeadRegistry(counting, (head) => this.learners?.live(head));
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
    for (const _ of items) this.options.observer.dropped('served_record');
    return false;
  }

  async publishLabels(head: string, labels: readonly LabelInput[]): Promise<number[]> {
    if (!this.system)
      throw new LearnerError('nats_unavailable', `labels can't be stored: ${this.problem}; send them again later`);
    const definition = await this.heads.find(head);
    if (definition === undefined) {
      const known =
        this.heads
          .definitions()
          .map(({ name }) => name)
          .join(', ') || 'none';
      throw new LearnerError('head_unknown', `there is no head '${head}'; heads: ${known}`);
    }
    return this.system.publisher.publish(definition, labels);
  }

  labelResults(head: string): Readonly<Partial<Record<LabelResult, number>>> {
    return this.results.get(head) ?? {};
  }

  queues(): readonly QueueDepth[] {
    return this.system?.queues() ?? [];
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.setup;
    this.heads.stop();
    for (const stop of this.system?.stops ?? []) await stop();
    await this.link?.close();
    await this.end();
  }

  private async setUp(connect: (signal: AbortSignal) => Promise<NatsLink>): Promise<void> {
    const { signal } = this.closing;
    const { observer } = this.options;
    while (!signal.aborted) {
      try {
        this.link ??= await connect(signal);
        this.system = await this.assemble(this.link);
        this.setupProblem = undefined;
        observer.connected(this.link.connected);
        return;
      } catch (error) {
        if (signal.aborted) return;
        const problem = (error as Error).message;
        if (problem !== this.setupProblem) observer.log('error', problem);
        this.setupProblem = problem;
        await delay(SETUP_RETRY_MS, undefined, { signal }).catch(() => {});
      }
    }
  }

  private async assemble(link: NatsLink): Promise<Connected> {
    const { options } = this;
    const { observer, nats, labels, roles } = options;
    const { log } = observer;
    const ensured = await ensureStreams(link, {
      replicas: nats.replicas,
      windowMs: labels.windowMs,
      bytes: nats.streams,
      log,
    });
    const store = await HeadStore.open(link);
    const snapshots = await SnapshotStore.open(link);
    const trainingLog = new TrainingLog(link);
    const cache = new ServedCache(SERVED_CACHE_BYTES);
    const served = new ServedRecords(link, {
      mode: labels.record,
      cache,
      onDropped: () => observer.dropped('served_record'),
    });
    const parts = {
      store,
      models: roles.includes('serve') ? new ServingModels(snapshots) : undefined,
      progress: headProgress(link, trainingLog),
      cleanUp: cleanUpHead(store, snapshots, trainingLog, log),
    };
    await this.heads.follow(parts);
    link.onStatus((up) => {
      if (this.closing.signal.aborted) return;
      observer.connected(up);
      // The watch may have missed what changed meanwhile; a new one tells everything again.
      if (up) void this.heads.follow(parts).catch((error: Error) => log('warn', `heads: ${error.message}`));
    });
    await this.createDeclared(store);
    const writer = new SampleWriter(trainingLog, new DeadLetters(link), observer, labels.windowMs);
    const joins = roles.includes('join') ? await this.join(link, served, cache, writer, ensured) : undefined;
    const images = roles.includes('serve') ? this.embedImages(link, writer) : [];
    if (roles.includes('learn')) {
      const pool = new FoldPool();
      const common = {
        link,
        store,
        snapshots,
        log: trainingLog,
        pool,
        registry: this.heads,
        observer,
        policy: options.snapshots,
      };
      this.learners = new HeadLearners(common);
    }
    return {
      link,
      served,
      publisher: new LabelPublisher(link),
      queues: () => [{ name: 'served_records', depth: served.depth, limit: served.limit }, ...(joins?.queues() ?? [])],
      stops: [
        () => Promise.all(images.map((image) => image.stop())),
        () => joins?.stop() ?? Promise.resolve(),
        () => this.learners?.stop() ?? Promise.resolve(),
      ],
    };
  }

  private async join(
    link: NatsLink,
    served: ServedRecords,
    cache: ServedCache,
    writer: SampleWriter,
    ensured: EnsuredStreams,
  ) {
    const { observer, labels } = this.options;
    const onTrouble = (problem: string) => observer.log('warn', problem);
    const common = { link, heads: this.heads, served, writer, onTrouble };
    const parked = new ParkedLabels({
      ...common,
      graceMs: labels.graceMs,
      onDropped: () => observer.dropped('parked_label'),
    });
    // Headers are enough: the subject says which record came. Records wake labels that wait for them.
    const arrivals = new StreamFollower(link, {
      stream: SERVED_STREAM,
      filter: 'headwater.served.>',
      after: 'new',
      headersOnly: true,
      buffer: 4_096,
      onTrouble,
    });
    void (async () => {
      for (;;) {
        const messages = await arrivals.next(1_024);
        if (messages.length === 0) return;
        for (const { subject, seq } of messages) {
          cache.heard(subject, seq);
          parked.recordStored(subject);
        }
      }
    })();
    await parked.start();
    const endSweep = sweepAcknowledged(link, [LABELS_STREAM, PARKED_STREAM, EMBED_STREAM], observer.log);
    const pipeline = new LabelPipeline({ ...common, parked, labelsCreated: ensured.created[LABELS_STREAM] });
    return {
      queues: () => [{ name: 'parked_labels', depth: parked.depth, limit: parked.limit }],
      stop: async () => {
        await endSweep();
        await pipeline.stop();
        await parked.stop();
        await arrivals.stop();
      },
    };
  }

  private embedImages(link: NatsLink, writer: SampleWriter): ImageLabels[] {
    const onTrouble = (problem: string) => this.options.observer.log('warn', problem);
    const common = { link, heads: this.heads, writer, concurrency: IMAGE_CONCURRENCY, onTrouble };
    return this.options.embedders.map((embedder) => new ImageLabels({ ...common, embedder }));
  }

  private async createDeclared(store: HeadStore): Promise<void> {
    for (const request of this.options.heads) {
      const stored = await store.get(request.name, 'definition');
      if (!stored || stored.value.deleted) {
        await this.heads.create(request).catch((error: LearnerError) => {
          // Another process declares the same head and was first.
          if (error.code !== 'head_exists') throw error;
        });
        continue;
      }
      this.heads.take({ head: request.name, key: 'definition', stored });
      for (const field of ['backbone', 'classes', 'maxClasses', 'learner'] as const) {
        if (JSON.stringify(stored.value[field]) === JSON.stringify(request[field])) continue;
        this.options.observer.log(
          'warn',
          `head '${request.name}': '${field}' in the configuration differs from what the head was created with, which holds; delete the head and create it again to change it`,
        );
      }
    }
  }

  private count(head: string, result: LabelResult): void {
    // Dead letters of heads that do not exist have no name, so this is bounded by the number of heads.
    const counts = this.results.get(head) ?? {};
    counts[result] = (counts[result] ?? 0) + 1;
    this.results.set(head, counts);
  }
}
