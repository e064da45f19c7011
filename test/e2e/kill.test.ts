import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, type NatsConnection } from 'nats';
import { parseNatsUrls } from '../../src/learner/index.js';
import { classOf, EmbeddingClient } from '../support/embedding-client.js';
import { lastFirst } from '../support/last-first.js';
import { natsMissing } from '../support/nats.js';
import { patiently } from '../support/patiently.js';
import { type ServerProcess, startServer } from '../support/server-process.js';
import { type StoredVersion, storedVersions, undisturbedFold } from '../support/undisturbed-fold.js';
import { until } from '../support/until.js';

/** A process that ended and that nobody waited for (a zombie) does not run. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !existsSync('/proc/self/stat') || !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

function connectTo(server: ServerProcess): Promise<NatsConnection> {
  const { servers, user, password } = parseNatsUrls(server.natsUrl());
  return connect({ servers: [...servers], user, pass: password, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
}

test('kill -9 of server and nats-server during a stream: nothing recorded is lost, nothing trained twice', {
  skip: natsMissing(),
}, async (t) => {
  const ends = lastFirst(t);
  const server = await startServer(ends, { snapshots: { everySamples: 40, interval: '200ms' } });
  const client = new EmbeddingClient(ends, server.grpc);
  let nats = await connectTo(server);
  ends.after(() => nats.close());
  const natsPid = () => JSON.parse(readFileSync(join(server.dataDir, 'nats.json'), 'utf8')).pid as number;

  const total = process.env.HEADWATER_TEST_FULL === '1' ? 2_400 : 600;
  const disturbances: Record<number, () => Promise<void>> = {
    // The server alone: its nats-server is orphaned, and must not run twice on one store.
    [total / 4]: async () => {
      const orphan = natsPid();
      await server.kill9();
      assert.ok(isRunning(orphan), 'kill -9 leaves nats-server behind');
      await server.start();
      assert.ok(!isRunning(orphan), 'the orphaned nats-server was stopped before the next one started');
    },
    // Its nats-server alone: the server starts it again.
    [total / 2]: async () => process.kill(natsPid(), 'SIGKILL') && undefined,
    // Both at once.
    [(total * 3) / 4]: async () => {
      process.kill(natsPid(), 'SIGKILL');
      await server.kill9();
      await server.start();
    },
  };
  const recorded: string[] = [];
  let versionBefore = 0;
  for (let i = 0; i < total; i++) {
    const disturb = disturbances[i];
    if (disturb) {
      await disturb();
      await nats.close();
      nats = await patiently(() => connectTo(server));
    }
    const id = `k ${i}/*>`;
    const answer = await patiently(() => client.predict(id, i));
    const version = Number(answer.modelVersion);
    assert.ok(
      version >= versionBefore,
      `the head goes on from its snapshot: version ${version} after ${versionBefore}`,
    );
    versionBefore = version;
    if (answer.parameters.recorded?.boolParam) recorded.push(id);
    const label = JSON.stringify({ id, label: classOf(i) });
    // Published again until acknowledged, and some twice for no reason, as publishers do.
    for (let times = i % 5 === 0 ? 2 : 1; times > 0; times--) {
      await patiently(() => nats.jetstream().publish('headwater.label.pets', label, { timeout: 1_000 }));
    }
  }
  assert.ok(recorded.length > total * 0.5, `${recorded.length} of ${total} answers were recorded`);

  const samples = async () => (await server.metrics()).value('headwater_head_samples_total', { head: 'pets' }) ?? 0;
  let seen = 0;
  const allTrained = async () => {
    seen = await samples();
    return seen >= recorded.length;
  };
  await until('all are trained', allTrained, {
    timeoutMs: 120_000,
    state: () => [seen, recorded.length, server.output()],
  });
  // What is not recorded becomes dead letters later; the snapshot is written on the way out.
  const truth = await undisturbedFold(nats, 'pets');
  assert.equal(new Set(truth.ids).size, truth.ids.length, 'no id is in the log twice');
  const inLog = new Set(truth.ids);
  assert.deepEqual(
    recorded.filter((id) => !inLog.has(id)),
    [],
    'no recorded answer lost its label',
  );
  const { modelDigest, stateDigest } = truth;
  let stored: StoredVersion | undefined;
  const wholeLog = async () => {
    [stored] = await storedVersions(nats, 'pets');
    return stored?.modelDigest === modelDigest && stored.stateDigest === stateDigest;
  };
  await until('the newest version is that of the whole log, to the last bit', wholeLog, {
    timeoutMs: 30_000,
    state: () => ({ stored, modelDigest, stateDigest, samples: seen, log: truth.ids.length }),
  });
  assert.equal(await samples(), truth.ids.length, 'the head holds every sample of its log once');
});
