import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeModel } from '../../src/learner/fold/model-format.js';
import { decodeHeadFile, encodeHeadFile } from '../../src/learner/heads/files/safetensors.js';
import { ObjectSweep } from '../../src/learner/heads/upkeep/object-sweep.js';
import { connectNats } from '../../src/learner/nats/connection/connection.js';
import { HeadStore } from '../../src/learner/nats/stores/head-store.js';
import { SnapshotStore } from '../../src/learner/nats/stores/snapshot-store.js';
import { lastFirst } from '../support/last-first.js';
import { natsMissing, startTestNats } from '../support/nats.js';
import { embeddingOf, headRequest, startTestLearning } from '../support/test-learning.js';
import { until } from '../support/until.js';

test('only objects go that nothing names, and only when they are old', { skip: natsMissing() }, async (t) => {
  const ends = lastFirst(t);
  const nats = await startTestNats({ t: ends });
  const system = await startTestLearning(ends, nats.url, { snapshots: { keep: 2 } });
  const { learning } = system;
  const labels = Array.from({ length: 60 }, (_, i) => ({
    id: `s${i}`,
    label: ['cat', 'dog'][i % 2] as string,
    embedding: [...embeddingOf(i % 2, i)],
  }));
  await learning.publishLabels('pets', labels);
  await system.trained(60);
  const { bytes } = await learning.heads.export('pets', 0);
  await learning.heads.import(headRequest('moved'), encodeHeadFile({ ...decodeHeadFile(bytes), version: 9 }));
  await until('it serves what was imported', () => learning.heads.status('moved')?.servingVersion === 1);
  const heads = ['pets', 'moved'].map((name) => system.status(name).definition);
  await learning.close();

  const link = await connectNats({ url: nats.url, name: 'test', log: () => {} });
  ends.after(() => link.close());
  const [store, snapshots] = [await HeadStore.open(link), await SnapshotStore.open(link)];
  const named = await snapshots.list();
  const model = { classes: ['owl'], dimensions: 4, weights: new Float32Array(4), bias: new Float32Array(1) };
  await snapshots.put(heads[0]!, 'model', encodeModel(heads[0]!, model));
  await snapshots.put(heads[0]!, 'state', new Uint8Array([1, 2, 3]));
  const views = new Map<string, object>();
  for (const { name } of heads) {
    const definition = await store.get(name, 'definition');
    views.set(name, { definition, latest: await store.get(name, 'latest') });
  }
  const sweep = (teaches: (head: string) => boolean) =>
    new ObjectSweep({
      snapshots,
      registry: {
        definition: (name: string) => heads.find((head) => head.name === name),
        view: (name: string) => views.get(name),
      },
      observer: { log: () => {} },
      teaches,
      isOurs: () => true,
    });
  assert.equal(await sweep(() => true).sweep(), 0, 'they may be on their way to a pointer');
  assert.equal(await sweep((head) => head !== 'pets').sweep(-60_000), 0, 'others teach the head');
  assert.equal(await sweep(() => true).sweep(-60_000), 2);
  const names = (objects: typeof named) => objects.map(({ head, part, digest }) => `${head}/${part}/${digest}`).sort();
  assert.deepEqual(names(await snapshots.list()), names(named), 'versions, states and imported weights stay');
  assert.ok(
    named.filter(({ head, part }) => head === 'moved' && part === 'model').length === 2,
    'the version and the import',
  );
});
