import type {
  CandidateName,
  CandidateStatistics,
  ClassStatistics,
  ExportedHead,
  HeadAct,
  HeadDefinition,
  HeadModel,
  HeadProgress,
  HeadRequest,
  HeadStatistics,
  HeadStatus,
  Heads,
  ServingHead,
} from '../../src/learner/index.js';
import { LearnerError } from '../../src/learner/index.js';

interface FakeHead {
  definition: HeadDefinition;
  versions: HeadModel[];
  pinned: number;
  state: string;
  statistics: Partial<HeadStatistics>;
  status: Partial<HeadStatus>;
  /** Acts in order. */
  acts: HeadAct[];
  /** Position of the last act that has happened. */
  applied: number;
}

/** Heads kept in memory: taught by handing them a model. */
export class FakeHeads implements Heads {
  loaded = true;
  /** Whether acts happen as soon as they are stored. */
  appliesActs = true;
  /** What `export` gives instead of a small file. */
  exported: Uint8Array | undefined;
  /** As `export` was told of it. */
  embedding: string | undefined;
  /** Awaited by `import`, so that tests can hold one. */
  hold: Promise<void> = Promise.resolve();
  readonly imported: Uint8Array[] = [];
  /** How often NATS would have been asked for a head's progress. */
  asked = 0;
  private readonly byName = new Map<string, FakeHead>();

  /** @param needNats throws while NATS is away */
  constructor(private readonly needNats: () => void) {}

  /** Adds a head that has learned nothing. */
  add(request: HeadRequest, generation = 1): FakeHead {
    const definition = { ...request, generation, createdAtMs: 1 };
    const head: FakeHead = {
      ...{ definition, versions: [], pinned: 0, state: 'ready', statistics: {}, status: {}, acts: [], applied: 0 },
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
    const statistics = { ...statisticsOf(head), ...head.statistics };
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
          stateDigest: index === 0 ? null : `state-${index + 1}`,
          champion: (index === 0 ? 'sgd' : 'blend') as CandidateName,
          accuracy: index === 0 ? null : 0.5,
        }))
        .reverse(),
      statistics,
      classCount: statistics.classes.length,
      lag: 2,
      snapshotCreatedAtMs: latest > 0 ? Date.now() - 5000 : undefined,
      snapshotSequence: Math.max(10 * latest, head.applied),
      taughtBy: 'here',
      waits: { count: 3, seconds: 0.25 },
      compactedTo: 0,
      ...head.status,
    };
  }

  async statistics(name: string): Promise<HeadStatistics> {
    return this.status(this.need(name).definition.name)!.statistics;
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
    this.needNats();
    if (this.byName.has(request.name))
      throw new LearnerError('head_exists', `there is a head '${request.name}' already`);
    this.add(request);
    return this.status(request.name)!;
  }

  async delete(name: string, seenVersion: number): Promise<void> {
    this.needNats();
    const { length } = this.need(name).versions;
    if (seenVersion > length || seenVersion < Math.min(1, length)) {
      throw new LearnerError('version_mismatch', `head '${name}' is at version ${length}, not ${seenVersion}`);
    }
    this.byName.delete(name);
  }

  async act(name: string, act: HeadAct): Promise<number> {
    this.needNats();
    const head = this.need(name);
    const named = act.kind === 'delete_class' ? act.name : act.kind === 'rename_class' ? act.from : undefined;
    if (named !== undefined && !(head.versions.at(-1)?.classes ?? []).includes(named)) {
      throw new LearnerError('class_unknown', `head '${name}' has no class '${named}'`);
    }
    head.acts.push(act);
    const sequence = 10 * head.versions.length + head.acts.length;
    if (this.appliesActs) this.apply(name, sequence);
    return sequence;
  }

  /** Says that the acts up to a position have happened. */
  apply(name: string, sequence: number): void {
    this.need(name).applied = sequence;
  }

  async export(name: string, version: number, embedding?: string): Promise<ExportedHead> {
    this.needNats();
    this.embedding = embedding;
    const head = this.need(name);
    const wanted = version || head.pinned || head.versions.length;
    const model = head.versions[wanted - 1];
    if (model === undefined) throw new LearnerError('version_unknown', `no version ${wanted}`);
    return { version: wanted, bytes: this.exported ?? Buffer.from(JSON.stringify(model.classes)) };
  }

  async import(request: HeadRequest, bytes: Uint8Array): Promise<HeadStatus> {
    await this.hold;
    if (bytes.length === 0) throw new LearnerError('invalid_argument', 'the file is empty');
    const status = await this.create(request);
    this.imported.push(bytes);
    return status;
  }

  async rollback(name: string, version: number): Promise<HeadStatus> {
    this.needNats();
    const head = this.need(name);
    if (version > head.versions.length) throw new LearnerError('version_unknown', `no version ${version}`);
    head.pinned = version;
    return this.status(name)!;
  }

  async progress(name: string): Promise<HeadProgress> {
    this.needNats();
    this.asked++;
    const latest = this.need(name).versions.length;
    return { labelsWaiting: 7, logSequence: 10 * latest + 2 };
  }

  private at(head: FakeHead, version: number): ServingHead {
    return { definition: head.definition, version, model: head.versions[version - 1] ?? null };
  }
}

const candidate = (name: CandidateName, accuracy: number): CandidateStatistics => ({
  ...{ name, samples: 10, logLoss: 1 - accuracy, temperature: 1.25, weight: name === 'blend' ? 0 : 0.5, bytes: 4096 },
  accuracy: [
    { window: 100, count: 10, accuracy },
    { window: 1000, count: 10, accuracy },
  ],
});

function statisticsOf(head: FakeHead): HeadStatistics {
  const classes = (head.versions.at(-1)?.classes ?? []).map(
    (name): ClassStatistics => ({ name, samples: 5, recent: 4, recall: 0.5 }),
  );
  return {
    champion: 'blend',
    serve: 'auto',
    candidates: [candidate('blend', 0.75), candidate('slda', 0.5), candidate('sgd', 0.25)],
    promotions: [{ from: 'sgd', to: 'blend', sequence: 8, samples: 7, reason: 'log loss 0.6 against 0.7' }],
    calibrationError: 0.125,
    drift: {
      level: 'warning',
      history: [{ level: 'warning', sequence: 9, samples: 8, errorBefore: 0.25, errorAfter: 0.5 }],
    },
    confusions: [{ label: 'cat', predicted: 'dog', count: 2 }],
    aliases: [{ from: 'kitty', to: 'cat' }],
    samples: 10 * head.versions.length,
    skipped: 1,
    servedLabelled: 8,
    servedCorrect: 6,
    servedAccuracy: [{ window: 100, count: 8, accuracy: 0.75 }],
    prequentialAccuracy: [{ window: 100, count: 0, accuracy: 0 }],
    classes,
  };
}
