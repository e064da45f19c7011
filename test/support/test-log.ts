import type { TestContext } from 'node:test';
import { HeadFold } from '../../src/learner/fold/head-fold.js';
import { encodeAct, encodeSample, type LoggedAct } from '../../src/learner/fold/log-entry.js';
import { defaultLearnerOptions } from '../../src/learner/learners/learner-options.js';
import { connectNats, type NatsLink } from '../../src/learner/nats/connection/connection.js';
import { RemovedIds } from '../../src/learner/nats/log/removed-ids.js';
import { type AppendOutcome, TrainingLog } from '../../src/learner/nats/log/training-log.js';
import { HeadStore } from '../../src/learner/nats/stores/head-store.js';
import { SnapshotStore } from '../../src/learner/nats/stores/snapshot-store.js';
import { ensureStreams, type StreamBytes } from '../../src/learner/nats/streams/streams.js';
import type { HeadDefinition, HeadVersion } from '../../src/learner/types.js';
import { startTestNats, type TestNats } from './nats.js';

const MiB = 2 ** 20;
const CLASSES = ['cat', 'dog', 'owl'];
export const STREAM_CREATED = '2026-01-01T00:00:00Z';

export interface TestLogOptions {
  readonly fenceMs?: number;
  readonly dedupeMs?: number;
  readonly bytes?: Partial<StreamBytes>;
}

export function testDefinition(name = 'pets', overrides: Partial<HeadDefinition> = {}): HeadDefinition {
  return {
    name,
    generation: 1,
    backbone: 'tiny',
    backboneIdentity: 'identity-of-tiny',
    dimensions: 4,
    classes: 'open',
    maxClasses: 10,
    learner: { ...defaultLearnerOptions, train: ['sgd', 'slda', 'rls'] },
    createdAtMs: 0,
    ...overrides,
  };
}

/** The parts that keep a head, on a nats-server of their own: for tests of what happens to a log, with nobody learning meanwhile. */
export class TestLog {
  private constructor(
    readonly server: TestNats,
    readonly link: NatsLink,
    readonly store: HeadStore,
    readonly snapshots: SnapshotStore,
    readonly removed: RemovedIds,
    readonly log: TrainingLog,
  ) {}

  static async start(
    t: TestContext,
    { fenceMs = 200, dedupeMs = 60_000, bytes }: TestLogOptions = {},
  ): Promise<TestLog> {
    const server = await startTestNats({ t });
    const link = await connectNats({ url: server.url, name: 'test', log: () => {} });
    t.after(() => link.close());
    const room = { labels: MiB, served: MiB, training: 16 * MiB, dead: MiB, embed: MiB, ...bytes };
    await ensureStreams(link, { replicas: 1, windowMs: 1_000, dedupeMs, fenceMs, bytes: room, log: () => {} });
    const removed = new RemovedIds(link, fenceMs);
    const store = await HeadStore.open(link);
    const snapshots = await SnapshotStore.open(link);
    return new TestLog(server, link, store, snapshots, removed, new TrainingLog(link, removed));
  }

  async create(definition: HeadDefinition): Promise<void> {
    await this.store.compareAndSet(
      definition.name,
      'definition',
      { ...definition, deleted: false } as never,
      undefined,
    );
  }

  /** A label as the joiner appends it. @param sequence Where it stood in the label stream. */
  append(definition: HeadDefinition, id: string, sequence: number): Promise<AppendOutcome> {
    const origin = { streamCreated: STREAM_CREATED, sequence, atMs: sequence };
    return this.log.append(definition, id, origin, sampleBytes(definition, id, sequence));
  }

  /** Labels number `from` to `to` with ids `id-<number>`, in this order. */
  async appendMany(definition: HeadDefinition, from: number, to: number): Promise<void> {
    for (let i = from; i <= to; i++) await this.append(definition, `id-${i}`, i);
  }

  act(definition: HeadDefinition, id: string, change: LoggedAct): Promise<number> {
    return this.log.appendAct(definition, id, encodeAct({ id, atMs: 1, change }));
  }

  /** All entries of the head's log. */
  async entries(definition: HeadDefinition): Promise<{ sequence: number; bytes: Uint8Array; key: string }[]> {
    const manager = await this.link.manager();
    const { messages, first_seq, last_seq } = (await manager.streams.info('HEADWATER_TRAINING')).state;
    const prefix = `headwater.training.${definition.name}.${definition.generation}.`;
    const found: { sequence: number; bytes: Uint8Array; key: string }[] = [];
    for (let seq = first_seq; messages > 0 && seq <= last_seq; seq++) {
      const message = await manager.streams.getMessage('HEADWATER_TRAINING', { seq }).catch(() => undefined);
      if (!message?.subject.startsWith(prefix)) continue;
      found.push({ sequence: seq, bytes: message.data, key: message.subject.slice(prefix.length) });
    }
    return found;
  }

  /** Stores versions as a learner does, at the entries with these indices (1: after the first), each with its state. */
  async storeVersions(definition: HeadDefinition, indices: readonly number[]): Promise<HeadVersion[]> {
    const { created } = await this.log.state();
    const fold = new HeadFold(definition);
    const versions: HeadVersion[] = [];
    for (const [index, { bytes, sequence }] of (await this.entries(definition)).entries()) {
      await fold.waitsFor();
      fold.fold(bytes, sequence);
      if (!indices.includes(index + 1)) continue;
      await fold.settled();
      const { model, state } = fold.snapshot();
      versions.unshift({
        version: versions.length + 1,
        samples: fold.statistics().samples,
        position: { streamCreated: created, sequence },
        createdAtMs: Date.now(),
        modelDigest: await this.snapshots.put(definition, 'model', model),
        stateDigest: await this.snapshots.put(definition, 'state', state),
        champion: fold.statistics().champion,
        accuracy: null,
      });
    }
    await this.point(definition, versions, fold);
    return versions;
  }

  private async point({ name, generation }: HeadDefinition, versions: HeadVersion[], fold: HeadFold): Promise<void> {
    const value = { generation, versions, statistics: structuredClone(fold.statistics()), epoch: 0 };
    const before = await this.store.get(name, 'latest');
    await this.store.compareAndSet(name, 'latest', value as never, before?.revision);
  }
}

function sampleBytes({ dimensions, backboneIdentity }: HeadDefinition, id: string, number: number): Uint8Array {
  const classIndex = number % CLASSES.length;
  const embedding = Float32Array.from({ length: dimensions }, (_, d) => {
    const noise = Math.sin(number * 12.9898 + d * 78.233) * 43758.5453;
    return (d === classIndex ? 2 : 0) + (noise - Math.floor(noise));
  });
  return encodeSample({
    id,
    label: CLASSES[classIndex] as string,
    embedding,
    backboneIdentity,
    origin: { streamCreated: STREAM_CREATED, sequence: number },
    form: 'embedding',
    labelledAtMs: number,
  });
}
