import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { KV } from 'nats';
import { HeadRegistry, type RegistryParts } from '../../src/learner/heads/registry/head-registry.js';
import { StoredStatistics } from '../../src/learner/heads/registry/stored-statistics.js';
import type { LearningObserver } from '../../src/learner/index.js';
import { LabelIntake } from '../../src/learner/labels/label-intake.js';
import { SampleWriter } from '../../src/learner/labels/sample-writer.js';
import { connectNats, type NatsLink } from '../../src/learner/nats/connection/connection.js';
import { TrainingLog } from '../../src/learner/nats/log/training-log.js';
import { DeadLetters } from '../../src/learner/nats/stores/dead-letters.js';
import { HeadStore } from '../../src/learner/nats/stores/head-store.js';
import { ServedCache } from '../../src/learner/nats/stores/served-cache.js';
import { ServedRecords } from '../../src/learner/nats/stores/served-records.js';
import { SnapshotStore } from '../../src/learner/nats/stores/snapshot-store.js';
import { lastFirst } from '../support/last-first.js';
import { natsMissing, startTestNats } from '../support/nats.js';
import { embeddingOf, headRequest, startTestLearning } from '../support/test-learning.js';
import { until } from '../support/until.js';

const MiB = 2 ** 20;

/** Holds back what a bucket's watch tells, while it is closed. */
class Gate {
  private open: Promise<void> = Promise.resolve();
  release: () => void = () => {};

  close(): void {
    this.open = new Promise((resolve) => {
      this.release = resolve;
    });
  }

  linkOf(link: NatsLink): NatsLink {
    const kvOf = async (name: string, options: object) => this.kvOf(await link.jetstream().views.kv(name, options));
    return {
      connection: link.connection,
      connected: true,
      servers: link.servers,
      maxPayload: link.maxPayload,
      jetstream: () => ({ views: { kv: kvOf } }) as unknown as ReturnType<NatsLink['jetstream']>,
      manager: () => link.manager(),
      onStatus: (listener) => link.onStatus(listener),
      close: async () => {},
    };
  }

  private kvOf(kv: KV): KV {
    const pass = () => this.open;
    const watch = async (options: Parameters<KV['watch']>[0]) => {
      const inner = await kv.watch(options);
      async function* late() {
        for await (const entry of inner) {
          await pass();
          yield entry;
        }
      }
      return Object.assign(late(), { stop: () => inner.stop() });
    };
    return { watch, get: (key: string) => kv.get(key) } as unknown as KV;
  }
}

/** A process that joins labels, and hears of heads through the gate. */
async function startJoiner(t: Pick<TestContext, 'after'>, url: string, gate: Gate) {
  const link = await connectNats({ url, name: 'joiner', log: () => {} });
  t.after(() => link.close());
  const dead: string[] = [];
  const observer = {
    log: () => {},
    labelResult: () => {},
    labelDelay: () => {},
    dropped: () => {},
    deadLetter: (_: string, reason: string) => dead.push(reason),
  } as unknown as LearningObserver;
  const store = await HeadStore.open(gate.linkOf(link));
  const snapshots = await SnapshotStore.open(link);
  const registry = new HeadRegistry(observer, { live: () => undefined, taughtBy: () => 'nobody' });
  const parts: RegistryParts = { store, models: undefined, statistics: new StoredStatistics(store, snapshots) };
  await registry.follow(parts);
  t.after(() => registry.stop());
  const cache = new ServedCache(MiB);
  const intake = await LabelIntake.start({
    ...{ link, observer, cache, heads: registry },
    served: new ServedRecords(link, { mode: 'durable', cache, onDropped: () => {} }),
    writer: new SampleWriter(new TrainingLog(link), new DeadLetters(link), observer, 3_600_000),
    graceMs: 30_000,
    labelsCreated: 'then',
    bytes: { labels: 64 * MiB, embed: 64 * MiB },
  });
  t.after(() => intake.stop());
  return { registry, dead };
}

test('labels of a head that was made anew are not written to the log of the one before by who has not heard of it', {
  skip: natsMissing(),
}, async (t) => {
  const ends = lastFirst(t);
  const nats = await startTestNats({ t: ends });
  const front = await startTestLearning(ends, nats.url, { roles: ['serve', 'learn'] });
  const { heads } = front.learning;
  const gate = new Gate();
  const joiner = await startJoiner(ends, nats.url, gate);
  await until('the joiner knows the head', () => joiner.registry.definition('pets')?.generation === 1);
  const labels = Array.from({ length: 20 }, (_, i) => ({
    id: `s${i}`,
    label: i % 2 === 0 ? 'cat' : 'dog',
    embedding: [...embeddingOf(i % 2, i)],
  }));
  await front.learning.publishLabels('pets', labels);
  await front.trained(20);

  gate.close();
  await heads.delete('pets', front.status().latestVersion);
  await heads.create(headRequest());
  await front.learning.publishLabels('pets', labels);
  assert.equal(joiner.registry.definition('pets')?.generation, 1, 'it has not heard of it');
  setTimeout(() => gate.release(), 1_000);
  await front.trained(20);
  assert.equal(front.status().definition.generation, 2);
  assert.deepEqual(joiner.dead, []);
});
