import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type NatsConnection } from 'nats';
import { SnapshotWriter } from '../../src/learner/heads/snapshots/snapshot-writer.js';
import { defaultLearnerOptions, type HeadRequest } from '../../src/learner/index.js';
import { connectNats } from '../../src/learner/nats/connection/connection.js';
import { HeadStore, type LatestPointer } from '../../src/learner/nats/stores/head-store.js';
import { SnapshotStore } from '../../src/learner/nats/stores/snapshot-store.js';
import { lastFirst } from '../support/last-first.js';
import { type LearnerProcess, startLearnerProcess } from '../support/learner-process.js';
import { natsMissing, startTestNats } from '../support/nats.js';
import {
  embeddingOf,
  headRequest,
  startTestLearning,
  type TestLearning,
  temporaryFolder,
} from '../support/test-learning.js';
import { storedVersions, undisturbedFold } from '../support/undisturbed-fold.js';
import { until } from '../support/until.js';

const options = { skip: natsMissing() };
const classes = ['cat', 'dog', 'emu'];
const names = Array.from({ length: 8 }, (_, i) => `head${i}`);
/** Short for a test, long for a loaded machine. */
const learn = { leaseMs: 2_000 };

function labels(from: number, to: number) {
  return Array.from({ length: to - from }, (_, i) => ({
    id: `s${from + i}`,
    label: classes[(from + i) % 3] as string,
    embedding: [...embeddingOf((from + i) % 3, from + i)],
  }));
}

/** One that answers and joins, and teaches nothing. */
async function setUp(t: TestContext, heads: HeadRequest[]) {
  const ends = lastFirst(t);
  const nats = await startTestNats({ t: ends });
  const front = await startTestLearning(ends, nats.url, { roles: ['serve', 'join'], heads });
  const client = await connect({ servers: nats.url });
  ends.after(() => client.close());
  return { ends, nats, front, client };
}

/** Heads that this process says it teaches. */
function taught({ learning }: TestLearning): string[] {
  return learning.heads
    .list()
    .filter(({ taughtBy }) => taughtBy === 'here')
    .map(({ definition }) => definition.name);
}

async function taughtIn(child: LearnerProcess): Promise<string[]> {
  return (await child.heads()).filter(({ taughtBy }) => taughtBy === 'here').map(({ definition }) => definition.name);
}

async function isWholeFold(client: NatsConnection, head: string): Promise<void> {
  const truth = await undisturbedFold(client, head);
  const [newest] = await storedVersions(client, head);
  assert.equal(new Set(truth.ids).size, truth.ids.length);
  assert.deepEqual(
    [newest?.position.sequence, newest?.modelDigest, newest?.stateDigest],
    [truth.lastSequence, truth.modelDigest, truth.stateDigest],
    'the newest version is the fold of the whole log',
  );
}

test('heads are spread over the learners, each taught by one; who leaves hands over at once', options, async (t) => {
  const { ends, nats, front } = await setUp(
    t,
    names.map((name) => headRequest(name)),
  );
  assert.ok(front.learning.heads.list().every(({ taughtBy }) => taughtBy === 'nobody'));
  // A lease so long that only a clean handing over can be quick.
  const slow = { roles: ['learn'] as const, heads: [], learn: { leaseMs: 600_000 } };
  const first = await startTestLearning(ends, nats.url, slow);
  await until('the first teaches all', () => taught(first).length === names.length);
  for (const name of names) await front.learning.publishLabels(name, labels(0, 30));
  for (const name of names) await front.trained(30, name);

  const second = await startTestLearning(ends, nats.url, slow);
  const spread = () =>
    [...taught(first), ...taught(second)].sort().join() === names.join() && taught(second).length > 0;
  await until('both share them', spread, { state: () => [taught(first), taught(second)] });
  assert.ok(front.learning.heads.list().every(({ taughtBy }) => taughtBy === 'elsewhere'));
  for (const name of names) await front.learning.publishLabels(name, labels(30, 60));
  for (const name of names) await front.trained(60, name);

  await first.learning.close();
  await until('the second teaches all', () => taught(second).length === names.length, { timeoutMs: 30_000 });
  for (const name of names) await front.learning.publishLabels(name, labels(60, 90));
  for (const name of names) {
    await front.trained(90, name);
    assert.equal(second.status(name).statistics.samples, 90, 'nothing lost, nothing twice');
  }
  assert.deepEqual([first.problems, second.problems], [[], []]);
});

test(
  'the heads of a learner that dies are taken over, and a restart takes its own back at once',
  options,
  async (t) => {
    const { ends, nats, front, client } = await setUp(t, [headRequest()]);
    const dataDir = temporaryFolder(ends);
    const slow = { roles: ['learn'], heads: [], dataDir, learn: { leaseMs: 600_000 } } as const;
    const child = await startLearnerProcess(ends, nats.url, slow);
    await front.learning.publishLabels('pets', labels(0, 40));
    await front.trained(40);
    await child.kill9();
    await front.learning.publishLabels('pets', labels(40, 80));
    const again = await startLearnerProcess(ends, nats.url, slow);
    await front.trained(80);
    assert.deepEqual(await taughtIn(again), ['pets']);
    await again.close();

    // Another one, which does not know the first's identity, has to wait until the lease is over.
    const third = await startLearnerProcess(ends, nats.url, { roles: ['learn'], heads: [], learn });
    await third.kill9();
    const fourth = await startLearnerProcess(ends, nats.url, { roles: ['learn'], heads: [], learn });
    await front.learning.publishLabels('pets', labels(80, 120));
    await front.trained(120);
    await fourth.close();
    await isWholeFold(client, 'pets');
  },
);

test('a learner that was stopped past its lease and goes on writes nothing', options, async (t) => {
  const { ends, nats, front, client } = await setUp(t, [headRequest()]);
  const kv = await client.jetstream().views.kv('headwater-heads');
  const written: LatestPointer[] = [];
  const watch = await kv.watch({ key: 'pets.latest' });
  void (async () => {
    for await (const entry of watch) if (entry.operation === 'PUT') written.push(entry.json<LatestPointer>());
  })();
  // It has learned what it has not stored when it is stopped.
  const policy = { everySamples: 1_000_000, everyMs: 5_000, stateEveryMs: 5_000 };
  const sleeper = await startLearnerProcess(ends, nats.url, { roles: ['learn'], heads: [], learn, snapshots: policy });
  await front.learning.publishLabels('pets', labels(0, 60));
  await until('they are learned', async () => (await sleeper.heads())[0]?.statistics.samples === 60);
  sleeper.signal('SIGSTOP');
  const heir = await startTestLearning(ends, nats.url, { roles: ['learn'], heads: [], learn });
  await front.learning.publishLabels('pets', labels(60, 90));
  await front.trained(90);
  const newest = written.at(-1);
  assert.ok(newest && newest.epoch > (written[0]?.epoch ?? 0));

  sleeper.signal('SIGCONT');
  const gaveUp = async () => (await sleeper.heads())[0]?.taughtBy === 'elsewhere' || heir.status().taughtBy !== 'here';
  await until('it has seen that another one teaches', gaveUp, { state: () => sleeper.logged });
  await front.learning.publishLabels('pets', labels(90, 120));
  await front.trained(120);
  await delay(500);
  for (let i = 1; i < written.length; i++) {
    const [before, after] = [written[i - 1]!, written[i]!];
    assert.ok(after.epoch >= before.epoch, `epoch ${before.epoch}, then ${after.epoch}`);
    const positions = [before, after].map(({ versions }) => versions[0]?.position.sequence ?? 0);
    assert.ok(positions[0]! <= positions[1]!, `position ${positions.join(', then ')}`);
  }
  const lost = sleeper.logged.filter((line) => line.includes('another process teaches it'));
  assert.ok(lost.length <= 1, 'it is told once, if at all');
  assert.deepEqual(heir.problems, []);
  await sleeper.close();
  await heir.learning.close();
  await isWholeFold(client, 'pets');
});

test(
  'a learner that is stopped while it stores a snapshot, and goes on after another has its lease, moves nothing',
  options,
  async (t) => {
    const dimensions = 1_024;
    const learner = { ...defaultLearnerOptions, train: ['rls', 'slda'] as const, serve: 'rls' as const };
    const requests = names.map((name) => headRequest(name, { dimensions, learner }));
    const { ends, nats, front, client } = await setUp(t, requests);
    const quick = { roles: ['learn'] as const, heads: [], learn: { leaseMs: 1_000 } };
    const policy = { everySamples: 1_000_000, everyMs: 500, stateEveryMs: 500 };
    const heir = await startTestLearning(ends, nats.url, { ...quick, snapshots: policy });
    const sleeper = await startLearnerProcess(ends, nats.url, { ...quick, snapshots: policy });
    await until('they share the heads', async () => (await taughtIn(sleeper)).length > 0 && taught(heir).length > 0);
    const [head] = (await taughtIn(sleeper)) as [string];

    const kv = await client.jetstream().views.kv('headwater-heads');
    const stored: LatestPointer[] = [];
    const watch = await kv.watch({ key: `${head}.latest` });
    void (async () => {
      for await (const entry of watch) if (entry.operation === 'PUT') stored.push(entry.json<LatestPointer>());
    })();
    const epoch = () => stored.at(-1)?.epoch ?? 0;
    // Who listens beside JetStream hears also what JetStream refuses.
    let refused = 0;
    client.subscribe(`$KV.headwater-heads.${head}.latest`, {
      callback: (_, message) => {
        if (message.data.length > 0 && message.json<LatestPointer>().epoch < epoch()) refused += 1;
      },
    });
    let stopAtState = false;
    let stoppedAt = 0;
    client.subscribe('$O.headwater-heads.C.>', {
      callback: (_, { data }) => {
        // The weights of three classes are 12 KB: this is the learners' state.
        if (!stopAtState || data.length < 32_768) return;
        stopAtState = false;
        stoppedAt = epoch();
        sleeper.signal('SIGSTOP');
      },
    });
    let labelled = 0;
    const teachSome = () => {
      const some = Array.from({ length: 20 }, () => {
        const i = labelled++;
        const embedding = Array.from({ length: dimensions }, (_, d) => Math.sin(i * 7 + d) + (d % 3 === i % 3 ? 1 : 0));
        return { id: `w${i}`, label: classes[i % 3] as string, embedding };
      });
      return front.learning.publishLabels(head, some);
    };
    // What it waits for when it is stopped may time out before it goes on: then it writes nothing, and is stopped again.
    for (let attempt = 0; attempt < 6 && refused === 0; attempt++) {
      await until('it teaches the head', async () => (await taughtIn(sleeper)).includes(head));
      stoppedAt = 0;
      stopAtState = true;
      await teachSome();
      await until('it stores a state', () => stoppedAt > 0, { state: () => sleeper.logged });
      await until('another has marked the pointer', () => epoch() > stoppedAt, { state: () => heir.problems });
      sleeper.signal('SIGCONT');
      await front.trained(labelled, head);
    }
    assert.ok(refused > 0, 'it tried to move the pointer');
    for (let i = 1; i < stored.length; i++) {
      const [before, after] = [stored[i - 1]!, stored[i]!];
      assert.ok(after.epoch >= before.epoch, `epoch ${before.epoch}, then ${after.epoch}`);
    }
    await teachSome();
    await front.trained(labelled, head);
    await sleeper.close();
    await heir.learning.close();
    await isWholeFold(client, head);
  },
);

test("a pointer that was marked by a later lease can't be moved by an earlier one", options, async (t) => {
  const { ends, nats, front } = await setUp(t, [headRequest()]);
  const { definition } = front.status();
  const link = await connectNats({ url: nats.url, name: 'test', log: () => {} });
  ends.after(() => link.close());
  const parts = { store: await HeadStore.open(link), snapshots: await SnapshotStore.open(link), definition };
  const rules = { keep: 3, keepForMs: 0 };
  const registry = { view: () => undefined, take: () => {} };
  const writer = (epoch: number) => new SnapshotWriter({ ...parts, registry, rules, epoch });
  const snapshot = (sequence: number) => {
    const { statistics } = front.status();
    return { model: new Uint8Array([sequence]), state: null, statistics, sequence };
  };
  const [early, late] = [writer(1), writer(2)];
  await early.open('then');
  await early.write(snapshot(1));
  await late.open('then');
  const overtaken = { code: 'head_unavailable', message: /another process/ };
  await assert.rejects(early.write(snapshot(2)), overtaken);
  await assert.rejects(early.open('then'), overtaken);
  await late.write(snapshot(3));
  const stored = await parts.store.get('pets', 'latest');
  assert.deepEqual([stored?.value.epoch, stored?.value.versions.map(({ position }) => position.sequence)], [2, [3, 1]]);
});

test('two processes with one data directory are two learners', options, async (t) => {
  const { ends, nats, front } = await setUp(
    t,
    names.map((name) => headRequest(name)),
  );
  const dataDir = temporaryFolder(ends);
  const first = await startTestLearning(ends, nats.url, { roles: ['learn'], heads: [], dataDir });
  const second = await startTestLearning(ends, nats.url, { roles: ['learn'], heads: [], dataDir });
  const spread = () =>
    [...taught(first), ...taught(second)].sort().join() === names.join() && taught(second).length > 0;
  await until('both share them', spread, { state: () => [taught(first), taught(second)] });
  for (const name of names) await front.learning.publishLabels(name, labels(0, 30));
  for (const name of names) await front.trained(30, name);
  assert.ok(spread(), 'and go on to');
});
