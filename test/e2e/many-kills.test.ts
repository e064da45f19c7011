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
const MAX_START_MS = 2_000;

test(`${KILLS} times kill -9 of learner, server or nats-server at random moments: every accepted id is in the log once, and the head is that log's fold`, {
  skip: natsMissing(),
}, async (t) => {
  const ends = lastFirst(t);
  const random = seededRandom(1);
  const nats = await startTestNats({ t: ends });
  const labels = { grace: '3s' };
  const common = {
    nats: { url: nats.url },
    labels,
    snapshots: { everySamples: 40, interval: '200ms', stateEvery: '1s' },
  };
  const server = await startServer(ends, { ...common, roles: ['serve', 'join'] });
  const learner = await startServer(ends, { ...common, roles: ['learn'], backbones: [], heads: [] });
  const client = new EmbeddingClient(ends, server.grpc);
  const publisher = await connect({ servers: nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  ends.after(() => publisher.close());

  const victims: Victim[] = [
    { name: 'learner', kill: () => learner.kill9(), revive: () => learner.start() },
    { name: 'server', kill: () => server.kill9(), revive: () => server.start() },
    { name: 'nats-server', kill: () => nats.kill9(), revive: () => nats.restart() },
  ];
  const kills: Record<string, number> = {};
  let killing = true;
  const killer = killAtRandomMoments(victims, seededRandom(20261123), kills).finally(() => {
    killing = false;
  });
  killer.catch(() => {});

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
    // An older one again, which must not count: a sample with another label, or the label of a join.
    if (i % 10 === 8) await publish({ id: `sample ${i - 8}/*>`, embedding: [...embeddingOf(1)], label: 'late' }, 1);
    if (i % 10 === 9) await publish({ id: `join ${i - 8}/*>`, label: classOf(i - 8) }, 1);
  }
  await killer;
  assert.ok(joined > LABELS / 4, `${joined} answers were recorded`);
  assert.equal(victims.filter(({ name }) => kills[name]).length, 3, `each was killed: ${JSON.stringify(kills)}`);

  const state = () => [learner.output(), server.output()];
  const manager = await publisher.jetstreamManager();
  const waiting = async () => {
    const streams = await Promise.all(
      ['HEADWATER_LABELS', 'HEADWATER_PARKED'].map((name) => manager.streams.info(name)),
    );
    return streams.reduce((sum, { state: { messages } }) => sum + messages, 0);
  };
  await until('no label waits', async () => (await waiting()) === 0, { timeoutMs: 180_000, state });
  const truth = await undisturbedFold(publisher, 'pets');
  const samples = async () => (await learner.metrics()).value('headwater_head_samples_total', { head: 'pets' });
  const allTrained = async () => (await samples()) === truth.ids.length;
  await until('all are trained', allTrained, { timeoutMs: 180_000, state });
  // The learner stores the state of the whole log on its way out.
  assert.equal(await learner.stop(), 0);

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

interface Victim {
  readonly name: string;
  kill(): Promise<void>;
  /** Resolves when it works again. */
  revive(): Promise<void>;
}

/** Counts what it killed in `kills`; every process lives when it resolves. */
async function killAtRandomMoments(
  victims: readonly Victim[],
  random: () => number,
  kills: Record<string, number>,
): Promise<void> {
  const kill = async ({ name, kill: now }: Victim) => {
    await now();
    kills[name] = (kills[name] ?? 0) + 1;
  };
  const count = () => Object.values(kills).reduce((sum, each) => sum + each, 0);
  while (count() < KILLS) {
    await delay(random() * MAX_CALM_MS);
    // Now and then two at once: a server is ready again only when NATS is.
    const doomed = shuffled(victims, random).slice(0, random() < 0.25 ? 2 : 1);
    await Promise.all(doomed.map(kill));
    await delay(random() * 200);
    let reviving = Promise.all(doomed.map(({ revive }) => revive()));
    // Now and then again, mostly while they are starting.
    if (random() < 0.25) {
      const begun = reviving.catch(() => {});
      await Promise.race([begun, delay(random() * MAX_START_MS)]);
      await Promise.all(doomed.map(kill));
      await begun;
      reviving = Promise.all(doomed.map(({ revive }) => revive()));
    }
    await reviving;
  }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const keyed = items.map((item) => ({ item, key: random() }));
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}
