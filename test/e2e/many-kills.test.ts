import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'nats';
import { classOf, EmbeddingClient, embeddingOf } from '../support/embedding-client.js';
import { lastFirst } from '../support/last-first.js';
import { natsMissing, startTestNats } from '../support/nats.js';
import { patiently } from '../support/patiently.js';
import { seededRandom } from '../support/seeded-random.js';
import { startServer } from '../support/server-process.js';
import { storedVersions, undisturbedFold } from '../support/undisturbed-fold.js';
import { until } from '../support/until.js';

const FULL = process.env.HEADWATER_TEST_FULL === '1';
const KILLS = FULL ? 200 : 12;
/** At least so many labels with ids of their own, besides the duplicates. */
const LABELS = FULL ? 4_000 : 400;
const MAX_CALM_MS = 1_000;

test(`${KILLS} times kill -9 of learner, server or nats-server at random moments: every accepted id is in the log once, and the head is that log's fold`, {
  skip: natsMissing(),
}, async (t) => {
  const ends = lastFirst(t);
  const random = seededRandom(20261123);
  const nats = await startTestNats({ t: ends });
  const common = { nats: { url: nats.url }, snapshots: { everySamples: 40, interval: '200ms', stateEvery: '1s' } };
  const server = await startServer(ends, { ...common, roles: ['serve', 'join'] });
  const learner = await startServer(ends, { ...common, roles: ['learn'], backbones: [], heads: [] });
  const client = new EmbeddingClient(ends, server.grpc);
  const publisher = await connect({ servers: nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  ends.after(() => publisher.close());

  const victims = [
    { name: 'learner', kill: () => learner.kill9(), revive: () => learner.start() },
    { name: 'server', kill: () => server.kill9(), revive: () => server.start() },
    { name: 'nats-server', kill: () => nats.kill9(), revive: () => nats.restart() },
  ];
  const kills: Record<string, number> = {};
  let killing = true;
  const killer = (async () => {
    for (let i = 0; i < KILLS; i++) {
      await delay(random() * MAX_CALM_MS);
      // Every fourth time two at once.
      const doomed = i % 4 === 3 ? shuffled(victims, random).slice(0, 2) : [victims[Math.floor(random() * 3)]!];
      await Promise.all(doomed.map(({ kill }) => kill()));
      await delay(random() * 200);
      for (const { name } of doomed) kills[name] = (kills[name] ?? 0) + 1;
      // A server is ready only when NATS is there again.
      await Promise.all(doomed.map(({ revive }) => revive()));
    }
    killing = false;
  })();
  killer.catch(() => {
    killing = false;
  });

  const publish = async (label: object, times: number) => {
    const store = () =>
      publisher.jetstream().publish('headwater.label.pets', JSON.stringify(label), { timeout: 1_000 });
    for (; times > 0; times--) await patiently(store);
  };
  const accepted = new Set<string>();
  let joined = 0;
  for (let i = 0; killing || i < LABELS; i++) {
    const times = random() < 0.2 ? 2 : 1;
    if (i % 2 === 0) {
      const id = `sample ${i}/*>`;
      await publish({ id, embedding: [...embeddingOf(i)], label: classOf(i) }, times);
      accepted.add(id);
    } else {
      const id = `join ${i}/*>`;
      const answer = await patiently(() => client.predict(id, i));
      await publish({ id, label: classOf(i) }, times);
      // What was answered without a record may end as a dead letter: the answer said so.
      if (answer.parameters.recorded?.boolParam) joined += Number(accepted.add(id).has(id));
    }
    // An older one again.
    if (i % 10 === 9)
      await publish({ id: `sample ${i - 9 + (i % 2 ? 0 : 1)}/*>`, embedding: [...embeddingOf(1)], label: 'twice' }, 1);
  }
  await killer;
  assert.ok(joined > LABELS / 4, `${joined} answers were recorded`);
  assert.equal(victims.filter(({ name }) => kills[name]).length, 3, `each was killed: ${JSON.stringify(kills)}`);

  const samples = async () => (await learner.metrics()).value('headwater_head_samples_total', { head: 'pets' }) ?? 0;
  let seen = 0;
  const allTrained = async () => {
    seen = await samples();
    return seen >= accepted.size;
  };
  const state = () => [seen, accepted.size, learner.output(), server.output()];
  await until('all are trained', allTrained, { timeoutMs: 180_000, state });
  // The learner stores the state of the whole log on its way out.
  assert.equal(await learner.stop(), 0);
  await delay(100);
  const truth = await undisturbedFold(publisher, 'pets');
  assert.equal(new Set(truth.ids).size, truth.ids.length, 'no id is in the log twice');
  const inLog = new Set(truth.ids);
  assert.deepEqual(
    [...accepted].filter((id) => !inLog.has(id)),
    [],
    'every accepted id is in the log',
  );
  const [newest] = await storedVersions(publisher, 'pets');
  assert.equal(newest?.position.sequence, truth.lastSequence, 'the newest version is of the whole log');
  assert.equal(newest?.samples, truth.ids.length, 'it learned every sample once');
  assert.equal(newest?.modelDigest, truth.modelDigest, 'its weights are those of an undisturbed fold');
  assert.equal(newest?.stateDigest, truth.stateDigest, 'and so is its state');
  t.diagnostic(`${truth.ids.length} samples, ${JSON.stringify(kills)} kills`);
});

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const keyed = items.map((item) => ({ item, key: random() }));
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}
