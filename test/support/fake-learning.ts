import {
  type ClassStatistics,
  type HeadDefinition,
  type HeadModel,
  type HeadProgress,
  type HeadRequest,
  type HeadStatus,
  type Heads,
  type LabelInput,
  type LabelResult,
  LearnerError,
  type Learning,
  type QueueDepth,
  type ServedItem,
  type ServingHead,
} from '../../src/learner/index.js';

interface FakeHead {
  definition: HeadDefinition;
  versions: HeadModel[];
  pinned: number;
  state: string;
  statistics: Partial<HeadStatus['statistics']>;
}

/** The learner's side kept in memory: heads are taught by handing them a model, records and labels are only kept. */
export class FakeLearning implements Learning {
  connected = true;
  problem: string | undefined;
  closed = false;
  readonly recorded: { head: ServingHead; items: readonly ServedItem[] }[] = [];
  readonly labels: { head: string; labels: readonly LabelInput[] }[] = [];
  readonly results: Partial<Record<LabelResult, number>> = {};
  /** What recordServed answers. */
  recordedAnswer = true;
  /** Awaited by publishLabels, so that tests can hold labels in flight. */
  hold: Promise<void> = Promise.resolve();
  readonly heads = new FakeHeads(this);

  async recordServed(head: ServingHead, items: readonly ServedItem[]): Promise<boolean> {
    this.recorded.push({ head, items });
    return this.recordedAnswer && this.connected;
  }

  async publishLabels(head: string, labels: readonly LabelInput[]): Promise<number[]> {
    await this.hold;
    this.heads.need(head);
    this.needNats();
    for (const [index, { label }] of labels.entries()) {
      if (label === '') throw new LearnerError('invalid_argument', `labels[${index}].label: expected a class name`);
    }
    this.labels.push({ head, labels });
    return labels.map((_, index) => this.labels.length * 100 + index);
  }

  labelResults(): Readonly<Partial<Record<LabelResult, number>>> {
    return this.results;
  }

  queues(): readonly QueueDepth[] {
    return [{ name: 'served_records', depth: 3, limit: 100 }];
  }

  needNats(): void {
    if (!this.connected) throw new LearnerError('nats_unavailable', 'NATS is away; send it again later');
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

export class FakeHeads implements Heads {
  loaded = true;
  private readonly byName = new Map<string, FakeHead>();

  constructor(private readonly learning: FakeLearning) {}

  /** Adds a head that has learned nothing. */
  add(request: HeadRequest, generation = 1): FakeHead {
    const head: FakeHead = {
      definition: { ...request, generation, createdAtMs: 1 },
      versions: [],
      pinned: 0,
      state: 'ready',
      statistics: {},
    };
    this.byName.set(request.name, head);
    return head;
  }

  /** Makes `model` the next version. */
  teach(name: string, model: HeadModel): void {
    this.need(name).versions.push(model);
  }

  /** As if it had never been heard of. */
  forget(name: string): void {
    this.byName.delete(name);
  }

  need(name: string): FakeHead {
    const head = this.byName.get(name);
    if (head === undefined) throw new LearnerError('head_unknown', `there is no head '${name}'`);
    return head;
  }

  list(): readonly HeadStatus[] {
    return [...this.byName.keys()].sort().map((name) => this.status(name)!);
  }

  status(name: string): HeadStatus | undefined {
    const head = this.byName.get(name);
    if (head === undefined) return undefined;
    const latest = head.versions.length;
    const classes = (head.versions.at(-1)?.classes ?? []).map(
      (className): ClassStatistics => ({ name: className, samples: 5, recent: 4, recall: 0.5 }),
    );
    return {
      definition: head.definition,
      state: head.state,
      latestVersion: latest,
      servingVersion: head.pinned || latest,
      pinned: head.pinned > 0,
      versions: head.versions
        .map((_, index) => ({
          version: index + 1,
          samples: 10 * (index + 1),
          position: { streamCreated: 'then', sequence: 10 * (index + 1) },
          createdAtMs: 1000 + index,
          modelDigest: `digest-${index + 1}`,
          stateDigest: '',
        }))
        .reverse(),
      statistics: {
        samples: 10 * latest,
        skipped: 0,
        servedLabelled: 8,
        servedCorrect: 6,
        servedAccuracy: [{ window: 100, count: 8, accuracy: 0.75 }],
        prequentialAccuracy: [{ window: 100, count: 0, accuracy: 0 }],
        classes,
        ...head.statistics,
      },
      lag: 2,
      snapshotCreatedAtMs: latest > 0 ? Date.now() - 5000 : undefined,
      snapshotSequence: 10 * latest,
    };
  }

  serving(name: string): ServingHead {
    const head = this.need(name);
    if (head.state !== 'ready') throw new LearnerError('head_unavailable', `head '${name}': ${head.state}`);
    return this.at(head, head.pinned || head.versions.length);
  }

  async version(name: string, version: number): Promise<ServingHead> {
    const head = this.need(name);
    if (head.versions[version - 1] === undefined) throw new LearnerError('version_unknown', `no version ${version}`);
    return this.at(head, version);
  }

  async create(request: HeadRequest): Promise<HeadStatus> {
    this.learning.needNats();
    if (this.byName.has(request.name))
      throw new LearnerError('head_exists', `there is a head '${request.name}' already`);
    this.add(request);
    return this.status(request.name)!;
  }

  async delete(name: string): Promise<void> {
    this.learning.needNats();
    this.need(name);
    this.byName.delete(name);
  }

  async rollback(name: string, version: number): Promise<HeadStatus> {
    this.learning.needNats();
    const head = this.need(name);
    if (version > head.versions.length) throw new LearnerError('version_unknown', `no version ${version}`);
    head.pinned = version;
    return this.status(name)!;
  }

  async progress(name: string): Promise<HeadProgress> {
    this.learning.needNats();
    const latest = this.need(name).versions.length;
    return { labelsWaiting: 7, logSequence: 10 * latest + 2 };
  }

  private at(head: FakeHead, version: number): ServingHead {
    return { definition: head.definition, version, model: head.versions[version - 1] ?? null };
  }
}
