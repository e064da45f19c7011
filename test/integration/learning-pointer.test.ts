import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { connect } from 'nats';
import { exportHead } from '../../src/learner/heads/files/head-files.js';
import { SnapshotWriter } from '../../src/learner/heads/snapshots/snapshot-writer.js';
import { ObjectSweep } from '../../src/learner/heads/upkeep/object-sweep.js';
import type { HeadStatistics, HeadVersion } from '../../src/learner/index.js';
import { connectNats } from '../../src/learner/nats/connection/connection.js';
import { HeadStore } from '../../src/learner/nats/stores/head-store.js';
import { SnapshotStore } from '../../src/learner/nats/stores/snapshot-store.js';
import { lastFirst } from '../support/last-first.js';
import { natsMissing, startTestNats } from '../support/nats.js';
import { embeddingOf, headRequest, startTestLearning } from '../support/test-learning.js';
import { until } from '../support/until.js';

const options = { skip: natsMissing() };
const rules = { keep: 3, keepForMs: 0 };

/** A process that neither serves nor teaches, and what a test needs to write as a learner does. */
async function setUp(t: TestContext) {
  const ends = lastFirst(t);
  const nats = await startTestNats({ t: ends });
  const request = headRequest('pets', { maxClasses: 100_000 });
  const front = await startTestLearning(ends, nats.url, { roles: ['join'], heads: [request] });
  const client = await connect({ servers: nats.url });
  ends.after(() => client.close());
  const link = await connectNats({ url: nats.url, name: 'test', log: () => {} });
  ends.after(() => link.close());
  const { definition } = front.status();
  return { front, client, definition, store: await HeadStore.open(link), snapshots: await SnapshotStore.open(link) };
}

function manyClasses(base: HeadStatistics, samples: number): HeadStatistics {
  const classes = Array.from({ length: 12_000 }, (_, i) => ({
    name: `${i} ${'long name '.repeat(9)}`,
    samples: samples + i,
    recent: i === 7_777 ? 5 : 0,
    recall: 0,
  }));
  const aliases = classes.slice(0, 9_000).map(({ name }) => ({ from: `old ${name}`, to: name }));
  return { ...base, samples, classes, aliases };
}

test(
  'a head of more classes than a key can hold has versions, and tells all of them to who asks',
  options,
  async (t) => {
    const { front, client, definition, store, snapshots } = await setUp(t);
    const registry = { view: () => undefined, take: () => {} };
    const writer = new SnapshotWriter({ definition, store, snapshots, registry, rules, epoch: 1 });
    await writer.open('then');
    const write = async (sequence: number) => {
      const statistics = manyClasses(front.status().statistics, sequence);
      await writer.write({ model: new Uint8Array([sequence]), state: null, statistics, sequence });
      await until('the version is heard of', () => front.status().latestVersion === writer.versions[0]?.version);
      return statistics;
    };
    const details = async () => (await snapshots.list()).filter(({ part }) => part === 'classes').length;
    for (let sequence = 1; sequence <= 4; sequence++) {
      const statistics = await write(sequence);
      const status = front.status();
      assert.deepEqual([status.classCount, status.statistics.samples], [12_000, sequence]);
      assert.ok(
        status.statistics.classes.some(({ recent }) => recent === 5),
        'the most frequent ones are known without asking',
      );
      const told = await front.learning.heads.statistics('pets');
      assert.deepEqual([told.classes, told.aliases], [statistics.classes, statistics.aliases]);
      assert.ok((await details()) <= 2, 'those of older versions go');
    }

    const kv = await client.jetstream().views.kv('headwater-heads');
    const entry = await kv.get('pets.latest');
    assert.ok((entry?.value.length ?? 0) < 32_768, `the pointer has ${entry?.value.length} bytes`);

    // What the pointer names is no waste.
    const latest = await store.get('pets', 'latest');
    const known = { definition: () => definition, view: () => ({ latest }) };
    const sweep = new ObjectSweep({
      snapshots,
      registry: known,
      observer: { log: () => {} },
      teaches: () => true,
      isOurs: () => true,
    });
    await sweep.sweep(-60_000);
    await sweep.stop();
    assert.equal(await details(), 1);
    await writer.drop(1);
    assert.equal(await details(), 1, 'a pointer that moves without new statistics keeps them');
  },
);

test('an act on a class that only the whole list has is taken', options, async (t) => {
  const { front, definition, store, snapshots } = await setUp(t);
  const registry = { view: () => undefined, take: () => {} };
  const writer = new SnapshotWriter({ definition, store, snapshots, registry, rules, epoch: 1 });
  await writer.open('then');
  const statistics = manyClasses(front.status().statistics, 1);
  await writer.write({ model: new Uint8Array([1]), state: null, statistics, sequence: 1 });
  await until('the version is heard of', () => front.status().latestVersion === 1);
  const rare = statistics.classes[3]!.name;
  assert.ok(!front.status().statistics.classes.some(({ name }) => name === rare));
  const { heads } = front.learning;
  await heads.act('pets', { kind: 'delete_class', name: rare });
  await assert.rejects(heads.act('pets', { kind: 'delete_class', name: 'none' }), { code: 'class_unknown' });
});

test('a pin that its learner has not heard of keeps its version, its weights and its damage', options, async (t) => {
  const { front, definition, store, snapshots } = await setUp(t);
  const registry = { view: () => undefined, take: () => {} };
  const only = { keep: 1, keepForMs: 0 };
  const writer = new SnapshotWriter({ definition, store, snapshots, registry, rules: only, epoch: 1 });
  await writer.open('then');
  const { statistics } = front.status();
  const write = (sequence: number) =>
    writer.write({ model: new Uint8Array([sequence]), state: null, statistics, sequence });
  const versions = () => writer.versions.map(({ version }) => version);
  await write(1);
  await until('the version is heard of', () => front.status().latestVersion === 1);
  await front.learning.heads.rollback('pets', 1);
  await write(2);
  await write(3);
  assert.deepEqual(versions(), [3, 1]);
  assert.equal(await writer.drop(1), false, 'the newest must not serve instead of it');
  await front.learning.heads.rollback('pets', 0);
  assert.equal(await writer.drop(1), true);
  assert.deepEqual(versions(), [3]);
});

test('an import that fails late leaves a head alone that was made anew under its name', options, async (t) => {
  const { front, definition, store } = await setUp(t);
  const { heads } = front.learning;
  const weights = new Float32Array(2 * definition.dimensions);
  const model = { classes: ['a', 'b'], dimensions: definition.dimensions, weights, bias: new Float32Array(2) };
  const version = { version: 1, samples: 2, createdAtMs: 3, champion: 'sgd' } as HeadVersion;
  const file = exportHead(definition, version, model, undefined).bytes;
  t.mock.method(SnapshotStore.prototype, 'put', async () => {
    await heads.delete('moved', 0);
    await heads.create(headRequest('moved'));
    throw new Error('the weights were not stored');
  });
  await assert.rejects(heads.import(headRequest('moved'), file), /weights were not stored/);
  const stored = (await store.get('moved', 'definition'))?.value;
  assert.deepEqual([stored?.generation, stored?.deleted], [2, false]);
});

test('class lists that no key can hold are refused when the head is created', options, async (t) => {
  const { front } = await setUp(t);
  const classes = Array.from({ length: 20_000 }, (_, i) => `${i} ${'long name '.repeat(9)}`);
  const request = headRequest('wide', { classes, maxClasses: 100_000 });
  const refused = { code: 'invalid_argument', message: /20000 classes take \d+ bytes.*max_payload/ };
  await assert.rejects(front.learning.heads.create(request), refused);
  await front.learning.heads.create({ ...request, classes: classes.slice(0, 100) });
});

test(
  'while its versions are refused a head goes on learning from where it is, and says so until one is stored',
  options,
  async (t) => {
    const ends = lastFirst(t);
    const nats = await startTestNats({ t: ends });
    const client = await connect({ servers: nats.url });
    ends.after(() => client.close());
    const told: string[] = [];
    const log = (level: string, message: string) => told.push(`${level} ${message}`);
    const system = await startTestLearning(ends, nats.url, { log, snapshots: { everyMs: 50 } });
    const teach = async (from: number, to: number) => {
      const labels = Array.from({ length: to - from }, (_, i) => ({
        id: `s${from + i}`,
        label: ['cat', 'dog', 'emu'][(from + i) % 3]!,
        embedding: [...embeddingOf((from + i) % 3, from + i)],
      }));
      await system.learning.publishLabels('pets', labels);
    };
    await teach(0, 30);
    await system.trained(30);
    const stored = system.status().latestVersion;
    const manager = await client.jetstreamManager();
    const resize = async (maxBytes: number) => {
      const { config } = await manager.streams.info('OBJ_headwater-heads');
      await manager.streams.update('OBJ_headwater-heads', { ...config, max_bytes: maxBytes });
    };
    const seen: number[] = [];
    const look = () => {
      seen.push(system.status().statistics.samples);
      return system.status().state;
    };
    await resize(1);
    await teach(30, 60);
    await until('it says why', () => look().includes("can't be stored"));
    for (let i = 60; i < 120; i += 20) {
      await teach(i, i + 20);
      await until('it goes on learning', () => look().includes("can't be stored") && seen.at(-1) === i + 20);
    }
    // Through the second attempt, and the third: at 2 s and 6 s.
    const endMs = performance.now() + 7_000;
    await until('time goes by', () => look().includes("can't be stored") && performance.now() > endMs);
    assert.deepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
      'nothing that was learned is given up',
    );
    assert.equal(system.status().latestVersion, stored);
    assert.equal(told.filter((line) => line.startsWith('error')).length, 1, told.join('\n'));

    await resize(-1);
    await system.trained(120);
    assert.equal(system.status().state, 'ready');
    assert.ok(
      told.some((line) => line.includes('stored again')),
      told.join('\n'),
    );
  },
);
