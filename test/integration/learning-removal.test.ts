import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from 'nats';
import { encodeSample } from '../../src/learner/fold/log-entry.js';
import type { StoredDefinition } from '../../src/learner/nats/stores/head-store.js';
import { lastFirst } from '../support/last-first.js';
import { startLearnerProcess } from '../support/learner-process.js';
import { natsMissing, startTestNats } from '../support/nats.js';
import { embeddingOf, headRequest, startTestLearning } from '../support/test-learning.js';
import { undisturbedFold } from '../support/undisturbed-fold.js';
import { until } from '../support/until.js';

const ENTRIES = process.env.HEADWATER_TEST_FULL === '1' ? 50_000 : 4_000;
const classes = ['cat', 'dog', 'emu'];

function labels(from: number, to: number) {
  return Array.from({ length: to - from }, (_, i) => ({
    id: `s${from + i}`,
    label: classes[(from + i) % 3] as string,
    embedding: [...embeddingOf((from + i) % 3, from + i)],
  }));
}

test('a deleted head is gone at once; what it left is removed behind it, through crashes, and nobody else loses anything', {
  skip: natsMissing(),
}, async (t) => {
  const ends = lastFirst(t);
  const nats = await startTestNats({ t: ends });
  const client = await connect({ servers: nats.url });
  ends.after(() => client.close());
  const manager = await client.jetstreamManager();
  const names = ['pets', 'long'];
  const front = await startTestLearning(ends, nats.url, {
    roles: ['serve', 'join'],
    heads: names.map((name) => headRequest(name)),
  });
  const { heads } = front.learning;
  const learn = { roles: ['learn'], heads: [], learn: { leaseMs: 2_000 } } as const;
  const first = await startLearnerProcess(ends, nats.url, learn);
  const entry = encodeSample({
    ...{ id: '', label: 'cat', embedding: embeddingOf(0, 0), backboneIdentity: 'identity-of-tiny' },
    ...{ origin: { streamCreated: 'then', sequence: 1 }, served: undefined, form: 'embedding', labelledAtMs: 0 },
  });
  for (let i = 0; i < ENTRIES; i += 500) {
    const some = Array.from({ length: 500 }, (_, k) => `headwater.training.long.1.k${i + k}`);
    await Promise.all(some.map((subject) => client.jetstream().publish(subject, entry)));
  }
  const left = async (head: string, generation: number) => {
    const filter = `headwater.training.${head}.${generation}.*`;
    const { state } = await manager.streams.info('HEADWATER_TRAINING', { subjects_filter: filter });
    return Object.keys(state.subjects ?? {}).length;
  };
  await front.learning.publishLabels('pets', labels(0, 60));
  await until('it has a version', () => (heads.status('long')?.latestVersion ?? 0) > 0);
  const seen = heads.status('long')?.latestVersion ?? 0;
  await until('it has learned since', () => (heads.status('long')?.latestVersion ?? 0) > seen);
  await heads.delete('long', seen);
  assert.ok((await left('long', 1)) > 0, 'nobody waited for its entries');
  assert.equal(heads.status('long'), undefined);
  await heads.create(headRequest('long'));

  await until('some of them are removed', async () => (await left('long', 1)) < ENTRIES);
  await first.kill9();
  const between = await left('long', 1);
  t.diagnostic(`killed when ${between} of ${ENTRIES} entries were left`);
  const second = await startLearnerProcess(ends, nats.url, learn);
  for (const name of names) await front.learning.publishLabels(name, labels(60, 120));
  await front.trained(120, 'pets');
  await front.trained(60, 'long');
  const definition = async () => {
    const kv = await client.jetstream().views.kv('headwater-heads');
    return (await kv.get('long.definition'))?.json<StoredDefinition>();
  };
  const ended = async () => (await definition())?.remains.length === 0;
  await until('all is removed', ended, { timeoutMs: 120_000, state: () => second.logged });
  assert.equal(await left('long', 1), 0);
  assert.equal(await left('long', 2), 61, 'the next head of the name has its 60 samples and one act');
  const objects = await (await client.jetstream().views.os('headwater-heads')).list();
  assert.deepEqual(
    objects.filter(({ name, deleted }) => name.startsWith('long/1/') && !deleted),
    [],
  );
  const { ids } = await undisturbedFold(client, 'pets');
  assert.equal(new Set(ids).size, 120, 'the other head has all of its own');
});
