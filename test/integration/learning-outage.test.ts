import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'nats';
import { lastFirst } from '../support/last-first.js';
import { natsMissing, startTestNats } from '../support/nats.js';
import { embeddingOf, startTestLearning } from '../support/test-learning.js';
import { storedVersions, undisturbedFold } from '../support/undisturbed-fold.js';
import { until } from '../support/until.js';

const options = { skip: natsMissing() };
const classes = ['cat', 'dog', 'emu'];

test('while NATS is away answers are given without a record, and labels resume when it is back', options, async (t) => {
  const ends = lastFirst(t);
  const nats = await startTestNats({ t: ends });
  const { learning, trained, status } = await startTestLearning(ends, nats.url);
  const head = learning.heads.serving('pets');
  const record = (id: string) => learning.recordServed(head, [{ id, predicted: '', embedding: embeddingOf(0, 1) }]);
  assert.equal(await record('before'), true);
  await nats.terminate();
  await until('the loss is noticed', () => !learning.connected);
  assert.equal(await record('during'), false);
  await assert.rejects(learning.publishLabels('pets', [{ id: 'before', label: 'cat' }]), { code: 'nats_unavailable' });
  assert.equal(learning.heads.serving('pets').definition.name, 'pets');
  await nats.restart();
  await until('it is back', () => learning.connected);
  await learning.publishLabels('pets', [{ id: 'before', label: 'cat' }]);
  assert.equal(await record('after'), true);
  await learning.publishLabels('pets', [{ id: 'after', label: 'dog' }]);
  await trained(2);
  assert.equal(status().statistics.samples, 2);
});

test('a snapshot that could not be stored is stored later, without another label', options, async (t) => {
  const ends = lastFirst(t);
  const nats = await startTestNats({ t: ends });
  const { learning, trained, status } = await startTestLearning(ends, nats.url, {
    snapshots: { everySamples: 1_000, everyMs: 500, keep: 5 },
  });
  const labels = (from: number) =>
    Array.from({ length: 10 }, (_, i) => ({
      id: `p${from + i}`,
      label: classes[i % 3] as string,
      embedding: [...embeddingOf(i % 3, from + i)],
    }));
  await learning.publishLabels('pets', labels(0));
  await trained(10);
  await learning.publishLabels('pets', labels(10));
  await until('they are folded', () => status().statistics.samples === 20);
  // The server hangs while the snapshot is on its way: longer than requests wait.
  nats.pause();
  await delay(7_000);
  nats.resume();
  await trained(20);
  assert.deepEqual(learning.labelResults('pets'), { trained: 20 });
});

test(
  'kill -9 of nats-server in the middle of a stream loses no accepted label and trains none twice',
  options,
  async (t) => {
    const ends = lastFirst(t);
    const nats = await startTestNats({ t: ends });
    const system = await startTestLearning(ends, nats.url);
    const { learning } = system;
    const recorded = new Set<string>();
    const labelled = new Set<string>();
    const total = 1_500;
    const killAt = [400, 900];
    for (let i = 0; i < total; i++) {
      const id = `k${i}`;
      const item = { id, predicted: classes[i % 3] as string, embedding: embeddingOf(i % 3, i) };
      if (killAt.includes(i)) {
        void nats
          .kill9()
          .then(() => delay(300))
          .then(() => nats.restart());
        await until('NATS is away', () => !learning.connected);
        await until('NATS is back', () => learning.connected);
      }
      const answer = await learning.recordServed(learning.heads.serving('pets'), [item]);
      if (answer) recorded.add(id);
      // Like any publisher: a label that was not acknowledged is sent again; some are sent twice for no reason.
      for (let times = i % 7 === 0 ? 2 : 1; times > 0; ) {
        const stored = await learning
          .publishLabels('pets', [{ id, label: classes[i % 3] as string }])
          .catch(() => undefined);
        if (stored === undefined) await delay(100);
        else times -= 1;
      }
      labelled.add(id);
    }
    const must = [...recorded].filter((id) => labelled.has(id));
    assert.ok(must.length > total / 2, `most answers are recorded: ${must.length} of ${total}`);
    await system.trained(must.length);

    const { statistics } = system.status();
    await learning.close();
    const client = await connect({ servers: nats.url });
    ends.after(() => client.close());
    const { ids, stateDigest } = await undisturbedFold(client, 'pets');
    assert.equal(new Set(ids).size, ids.length, 'every id once');
    assert.deepEqual(
      must.filter((id) => !ids.includes(id)),
      [],
      'none lost',
    );
    assert.equal(statistics.samples, ids.length);
    assert.equal(
      learning.labelResults('pets').trained,
      ids.length,
      'each is counted once, however often it was folded',
    );
    assert.equal((await storedVersions(client, 'pets'))[0]?.stateDigest, stateDigest);
  },
);
