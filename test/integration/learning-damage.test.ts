import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { connect, type NatsConnection } from 'nats';
import type { HeadStatus } from '../../src/learner/index.js';
import { connectNats } from '../../src/learner/nats/connection/connection.js';
import { SnapshotStore } from '../../src/learner/nats/stores/snapshot-store.js';
import { lastFirst } from '../support/last-first.js';
import { natsMissing, startTestNats } from '../support/nats.js';
import { embeddingOf, startTestLearning, type TestLearning } from '../support/test-learning.js';
import { storedVersions, undisturbedFold } from '../support/undisturbed-fold.js';
import { until } from '../support/until.js';

const options = { skip: natsMissing() };
const classes = ['cat', 'dog', 'emu'];
/** Several versions, and the newest two with the learners' state. */
const snapshots = { everySamples: 20, everyMs: 50, keep: 6 };

async function teach({ learning, trained }: TestLearning, from: number, to: number): Promise<void> {
  const labels = Array.from({ length: to - from }, (_, i) => ({
    id: `s${from + i}`,
    label: classes[(from + i) % 3] as string,
    embedding: [...embeddingOf((from + i) % 3, from + i)],
  }));
  await learning.publishLabels('pets', labels);
  await trained(to);
}

/** A head with several versions, and nobody who serves or teaches it. */
async function setUp(t: TestContext) {
  const ends = lastFirst(t);
  const nats = await startTestNats({ t: ends });
  const client = await connect({ servers: nats.url });
  ends.after(() => client.close());
  const system = await startTestLearning(ends, nats.url, { snapshots });
  for (let i = 0; i < 5; i++) await teach(system, i * 20, (i + 1) * 20);
  await system.learning.close();
  const link = await connectNats({ url: nats.url, name: 'test', log: () => {} });
  ends.after(() => link.close());
  return { ends, nats, client, store: await SnapshotStore.open(link) };
}

/** Overwrites the object. */
async function damage(client: NatsConnection, name: string): Promise<void> {
  const objects = await client.jetstream().views.os('headwater-heads');
  assert.ok(await objects.info(name), `there is an object ${name}`);
  await objects.putBlob({ name }, Buffer.from('damaged'));
}

/** Removes the object's last chunk. */
async function truncate(client: NatsConnection, name: string): Promise<void> {
  const objects = await client.jetstream().views.os('headwater-heads');
  const info = await objects.info(name);
  assert.ok(info);
  const manager = await client.jetstreamManager();
  const last = await manager.streams.getMessage('OBJ_headwater-heads', {
    last_by_subj: `$O.headwater-heads.C.${info.nuid}`,
  });
  await manager.streams.deleteMessage('OBJ_headwater-heads', last.seq);
}

/** nats.js's own reader would wait for missing chunks for ever. */
async function isWhole(snapshots: SnapshotStore, { definition }: HeadStatus, digest: string): Promise<boolean> {
  return snapshots.verify(definition, 'state', digest).then(
    () => true,
    () => false,
  );
}

/** Removes the object. */
async function lose(client: NatsConnection, name: string): Promise<void> {
  const manager = await client.jetstreamManager();
  const encoded = Buffer.from(name)
    .toString('base64url')
    .padEnd(Math.ceil(name.length / 3) * 4, '=');
  const { purged } = await manager.streams.purge('OBJ_headwater-heads', { filter: `$O.headwater-heads.M.${encoded}` });
  assert.equal(purged, 1);
}

const harms = Object.entries({ damaged: damage, 'cut short': truncate, missing: lose });

for (const [how, harm] of harms) {
  test(`a state that is ${how} is told, replaced by an older one and the log, and stored anew`, options, async (t) => {
    const { ends, nats, client, store } = await setUp(t);
    const [newest] = await storedVersions(client, 'pets');
    assert.ok(newest?.stateDigest);
    await harm(client, `pets/1/state/${newest.stateDigest}`);
    const again = await startTestLearning(ends, nats.url, { snapshots });
    await until('the damage is told', () => again.problems.some((line) => line.includes('is damaged')));
    assert.ok(again.problems[0]?.includes(`version ${newest.version} is damaged`), again.problems[0]);
    await until('it is stored anew', () => isWhole(store, again.status(), newest.stateDigest as string));
    assert.equal(again.status().latestVersion, newest.version, 'what it knew is no new version');
    await again.learning.close();

    const third = await startTestLearning(ends, nats.url, { snapshots });
    await teach(third, 100, 120);
    await third.learning.close();
    assert.deepEqual(third.problems, [], 'the state was stored anew');
    const truth = await undisturbedFold(client, 'pets');
    const [last] = await storedVersions(client, 'pets');
    assert.deepEqual([last?.modelDigest, last?.stateDigest], [truth.modelDigest, truth.stateDigest]);
  });
}

test('without any readable state the head is learned again from the beginning of its log', options, async (t) => {
  const { ends, nats, client } = await setUp(t);
  for (const { stateDigest } of await storedVersions(client, 'pets')) {
    if (stateDigest) await damage(client, `pets/1/state/${stateDigest}`);
  }
  const again = await startTestLearning(ends, nats.url, { snapshots });
  await teach(again, 100, 120);
  assert.deepEqual(again.learning.labelResults('pets'), { trained: 20 }, 'what was counted once is not counted again');
  await again.learning.close();
  const truth = await undisturbedFold(client, 'pets');
  assert.equal((await storedVersions(client, 'pets'))[0]?.stateDigest, truth.stateDigest);
});

for (const [how, harm] of harms) {
  test(
    `while the weights of the newest version are ${how} the last good one serves, until its learner has stored them anew`,
    options,
    async (t) => {
      const { ends, nats, client } = await setUp(t);
      const [newest, before] = await storedVersions(client, 'pets');
      assert.ok(newest && before);
      await harm(client, `pets/1/model/${newest.modelDigest}`);
      const server = await startTestLearning(ends, nats.url, { roles: ['serve'], heads: [] });
      await until('an older version serves', () => server.status().servingVersion === before.version, {
        state: () => server.problems,
      });
      const { state } = server.status();
      assert.match(
        state,
        new RegExp(
          `^version ${newest.version} can't be loaded: .*(damaged|cut short|missing).*; version ${before.version} is`,
        ),
      );
      assert.equal(server.learning.heads.serving('pets').version, before.version);

      const learner = await startTestLearning(ends, nats.url, { roles: ['learn'], heads: [], snapshots });
      await until('the newest version serves', () => server.status().servingVersion === newest.version, {
        state: () => [server.status(), server.problems, learner.problems],
      });
      assert.equal(server.status().state, 'ready');
      assert.ok(learner.problems.some((line) => line.includes(`weights of version ${newest.version} are stored anew`)));
    },
  );
}

test(
  'while a version with damaged weights is pinned the one below it serves; after that it is given up',
  options,
  async (t) => {
    const { ends, nats, client } = await setUp(t);
    const [newest, older, oldest] = await storedVersions(client, 'pets');
    assert.ok(newest && older && oldest);
    const learner = await startTestLearning(ends, nats.url, { roles: ['learn', 'join'], heads: [], snapshots });
    await damage(client, `pets/1/model/${older.modelDigest}`);
    const server = await startTestLearning(ends, nats.url, { roles: ['serve'], heads: [] });
    await until('the newest serves', () => server.status().servingVersion === newest.version);
    await assert.rejects(server.learning.heads.version('pets', older.version), { code: 'snapshot_corrupt' });
    await server.learning.heads.rollback('pets', older.version);
    const { status } = server;
    await until('the one below it serves', () => status().servingVersion === oldest.version, { state: status });
    const more = (id: string) => ({ id, label: 'cat', embedding: [...embeddingOf(0, 1)] });
    await learner.learning.publishLabels('pets', [more('a'), more('b')]);
    await until('learning goes on', () => status().latestVersion > newest.version, { state: status });
    assert.deepEqual([status().servingVersion, status().pinned], [oldest.version, true]);
    await server.learning.heads.rollback('pets', 0);
    await learner.learning.publishLabels('pets', [more('c')]);
    const given = () => server.status().versions.every(({ version }) => version !== older.version);
    await until('it is given up', given, { state: () => [server.status(), learner.problems] });
    await until('the newest serves again', () => server.status().servingVersion === server.status().latestVersion);
  },
);
