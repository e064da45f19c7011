import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from 'nats';
import { classOf, EmbeddingClient } from '../support/embedding-client.js';
import { lastFirst } from '../support/last-first.js';
import { natsMissing, startTestNatsCluster } from '../support/nats.js';
import { patiently } from '../support/patiently.js';
import { startServer } from '../support/server-process.js';
import { storedVersions, undisturbedFold } from '../support/undisturbed-fold.js';
import { until } from '../support/until.js';

const LABELS_A_PHASE = process.env.HEADWATER_TEST_FULL === '1' ? 200 : 30;

test('three replicas on three nats-servers: each of the six is killed in turn during a stream, and nothing is lost', {
  skip: natsMissing(),
}, async (t) => {
  const ends = lastFirst(t);
  const nodes = await startTestNatsCluster(ends);
  const urls = nodes.map(({ url }) => url);
  const config = {
    nats: { url: urls, replicas: 3 },
    learn: { lease: '2s' },
    snapshots: { everySamples: 20, interval: '200ms', stateEvery: '500ms' },
  };
  const replicas = await Promise.all([1, 2, 3].map(() => startServer(ends, config)));
  const clients = replicas.map((replica) => new EmbeddingClient(ends, replica.grpc));
  const publisher = await connect({ servers: urls, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  ends.after(() => publisher.close());

  const recorded: string[] = [];
  let next = 0;
  /** Answers come from whichever replica is up: a client behind a balancer sees no more of them. */
  const stream = async (labels: number) => {
    for (const end = next + labels; next < end; next++) {
      const id = `r${next}`;
      let turn = next;
      const answer = await patiently(() => clients[turn++ % clients.length]!.predict(id, next));
      if (answer.parameters.recorded?.boolParam) recorded.push(id);
      const label = JSON.stringify({ id, label: classOf(next) });
      await patiently(() => publisher.jetstream().publish('headwater.label.pets', label, { timeout: 1_000 }));
    }
  };
  await stream(LABELS_A_PHASE);
  for (const node of nodes) {
    await node.kill9();
    await stream(LABELS_A_PHASE);
    await node.restart();
    await stream(LABELS_A_PHASE / 2);
  }
  for (const replica of replicas) {
    await replica.kill9();
    await stream(LABELS_A_PHASE);
    await replica.start();
    await stream(LABELS_A_PHASE / 2);
  }
  // An answer waits 50 ms for its record, which a busy machine may miss: it says so then. Enough must be recorded for the rest to mean something.
  assert.ok(recorded.length > next / 3, `${recorded.length} of ${next} answers were recorded`);

  const newest = async () => (await storedVersions(publisher, 'pets'))[0];
  let seen: Awaited<ReturnType<typeof newest>>;
  const allTrained = async () => {
    seen = await newest().catch(() => undefined);
    return (seen?.samples ?? 0) >= recorded.length;
  };
  const state = () => ({ seen, recorded: recorded.length, output: replicas.map((replica) => replica.output()) });
  await until('all are trained', allTrained, { timeoutMs: 120_000, state });
  const truth = await patiently(() => undisturbedFold(publisher, 'pets'));
  assert.equal(new Set(truth.ids).size, truth.ids.length, 'no id is in the log twice');
  const inLog = new Set(truth.ids);
  assert.deepEqual(
    recorded.filter((id) => !inLog.has(id)),
    [],
    'no recorded answer lost its label',
  );
  const wholeLog = async () => {
    seen = await newest().catch(() => undefined);
    const { modelDigest, stateDigest, lastSequence } = truth;
    const sequence = seen?.position.sequence;
    return seen?.modelDigest === modelDigest && seen.stateDigest === stateDigest && sequence === lastSequence;
  };
  await until('the newest version is the fold of the whole log', wholeLog, { state });
  // All replicas come to serve it.
  for (const replica of replicas) {
    const served = async () => (await replica.metrics()).value('headwater_head_version', { head: 'pets' });
    await until('every replica serves the newest version', async () => (await served()) === seen?.version);
  }
  const teaching = async () => {
    const taught = await Promise.all(
      replicas.map(async (replica) => (await replica.metrics()).value('headwater_head_taught', { head: 'pets' }) ?? 0),
    );
    return taught.reduce((sum, value) => sum + value, 0);
  };
  await until('exactly one of them teaches', async () => (await teaching()) === 1);
});
