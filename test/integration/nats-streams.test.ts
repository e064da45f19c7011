import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { DiscardPolicy, RetentionPolicy, StorageType } from 'nats';
import { encodeAct } from '../../src/learner/fold/log-entry.js';
import { connectNats, type NatsLink } from '../../src/learner/nats/connection/connection.js';
import { TrainingLog } from '../../src/learner/nats/log/training-log.js';
import { DEFAULT_STREAM_BYTES, ensureStreams, type StreamOptions } from '../../src/learner/nats/streams/streams.js';
import { LearnerError } from '../../src/learner/types.js';
import { natsMissing, startTestNats, type TestNatsOptions } from '../support/nats.js';
import { testDefinition } from '../support/test-log.js';

const skip = natsMissing();
const MiB = 2 ** 20;
const small = { labels: MiB, served: MiB, training: MiB, dead: MiB, embed: MiB };

function options(change: Partial<StreamOptions> = {}): StreamOptions {
  return { replicas: 1, windowMs: 60_000, bytes: DEFAULT_STREAM_BYTES, log: () => {}, ...change };
}

async function newServer(t: TestContext, serverOptions: TestNatsOptions = {}) {
  const server = await startTestNats({ t, ...serverOptions });
  const link = await connectNats({ url: server.url, name: 'test', log: () => {} });
  t.after(() => link.close());
  const manager = await link.connection.jetstreamManager({ checkAPI: false });
  return { server, link, manager };
}

async function refusal(link: NatsLink, change: Partial<StreamOptions>): Promise<LearnerError> {
  const error = await ensureStreams(link, options(change)).then(
    () => assert.fail('the streams were made'),
    (caught: unknown) => caught,
  );
  assert.ok(error instanceof LearnerError, String(error));
  return error;
}

describe('the streams', { skip }, () => {
  it('are made once, and their creation times stay', async (t) => {
    const { server, link } = await newServer(t);
    const first = await ensureStreams(link, options());
    assert.equal(Object.keys(first.created).length, 7);
    for (const created of Object.values(first.created)) assert.ok(Date.parse(created) > 0, created);
    await link.jetstream().publish('headwater.label.h', 'x');
    const changes: string[] = [];
    const log = (_: string, message: string) => void changes.push(message);
    assert.deepEqual(await ensureStreams(link, options({ log })), first);
    await server.kill9();
    await server.restart();
    const again = await connectNats({ url: server.url, name: 'test', log });
    t.after(() => again.close());
    changes.length = 0;
    assert.deepEqual(await ensureStreams(again, options({ log })), first);
    assert.deepEqual(changes, [], 'nothing is changed that is right already');
    const names: string[] = [];
    const list = (await again.connection.jetstreamManager()).streams.list();
    for await (const { config } of list) names.push(config.name);
    const buckets = ['KV_headwater-heads', 'KV_headwater-leases', 'OBJ_headwater-heads'];
    assert.deepEqual(names.toSorted(), [...Object.keys(first.created), ...buckets].toSorted());
  });

  it('are made once when several processes begin together', async (t) => {
    const { server, link } = await newServer(t);
    const others = await Promise.all(
      [1, 2, 3].map(() => connectNats({ url: server.url, name: 'test', log: () => {} })),
    );
    t.after(() => Promise.all(others.map((other) => other.close())));
    const found = await Promise.all([link, ...others].map((each) => ensureStreams(each, options())));
    for (const each of found) assert.deepEqual(each, found[0]);
  });

  it('get the settings wanted, as the server tells them', async (t) => {
    const { link, manager } = await newServer(t);
    await ensureStreams(link, options());
    const { config: training } = await manager.streams.info('HEADWATER_TRAINING');
    assert.equal(training.discard_new_per_subject, true);
    assert.equal(training.max_msgs_per_subject, 1);
    assert.equal(training.allow_direct, true);
    assert.equal(training.storage, StorageType.File);
    const { config: labels } = await manager.streams.info('HEADWATER_LABELS');
    assert.equal(labels.retention, RetentionPolicy.Workqueue);
    assert.equal(labels.discard, DiscardPolicy.New);
    assert.equal(labels.allow_direct, false);
    const { config: heads } = await manager.streams.info('KV_headwater-heads');
    assert.equal(heads.max_msgs_per_subject, 1);
  });

  it('follow a changed configuration', async (t) => {
    const { link, manager } = await newServer(t);
    const { created } = await ensureStreams(link, options());
    const changes: string[] = [];
    const log = (_: string, message: string) => void changes.push(message);
    const changed = await ensureStreams(link, options({ windowMs: 1000, bytes: small, log }));
    assert.deepEqual(changed.created, created);
    const { config } = await manager.streams.info('HEADWATER_SERVED');
    assert.equal(config.max_age, 3_601_000 * 1e6);
    assert.equal(config.max_bytes, MiB);
    assert.ok(changes.some((line) => /HEADWATER_SERVED: max_age: \d+ -> \d+, max_bytes: \d+ -> 1048576/.test(line)));
  });

  it('lose nothing when they get less room than they use, while others publish, and are full then', async (t) => {
    const { link, manager } = await newServer(t);
    await ensureStreams(link, options());
    const payload = new Uint8Array(MiB / 4);
    let stored = 0;
    const publish = async () => {
      await link.jetstream().publish(`headwater.training.h.1.${stored++}`, payload);
      await link.jetstream().publish('headwater.label.h', payload);
    };
    while (stored < 8) await publish();
    const warnings: string[] = [];
    const log = (level: string, message: string) => void (level === 'warn' && warnings.push(message));
    for (let start = 0; start < 2; start++) {
      const lowered = ensureStreams(link, options({ bytes: small, log }));
      for (let i = 0; i < 8; i++) await publish();
      await lowered;
    }
    for (const stream of ['HEADWATER_TRAINING', 'HEADWATER_LABELS']) {
      assert.equal((await manager.streams.info(stream)).state.messages, stored, stream);
    }
    assert.equal(warnings.filter((line) => line.includes('HEADWATER_TRAINING')).length, 2);
    const append = async (limit: number | undefined) => {
      const entry = encodeAct({ id: 'a', atMs: 0, change: { kind: 'delete_class', name: 'x' } });
      return new TrainingLog(link, undefined, limit).appendAct(testDefinition('h'), 'a', entry);
    };
    await assert.rejects(append(small.training), { code: 'labels_full' });
    await ensureStreams(link, options());
    assert.equal(await append(DEFAULT_STREAM_BYTES.training), stored + 1);
  });

  it('say which key to lower when the server has too little room', async (t) => {
    const { link } = await newServer(t, { maxFileStore: 2 ** 29 });
    const error = await refusal(link, {});
    assert.equal(error.code, 'nats_setup');
    assert.match(error.message, /HEADWATER_SERVED.*1073741824 bytes.*lower nats\.streams\.served.*max_file_store/);
    await ensureStreams(link, options({ bytes: small }));
    assert.match((await refusal(link, { bytes: { ...small, training: 2 ** 33 } })).message, /nats\.streams\.training/);
  });

  it('say so when one server is asked for replicas', async (t) => {
    const { link } = await newServer(t);
    assert.match((await refusal(link, { replicas: 3 })).message, /nats\.replicas can't be 3; set it to 1/);
  });

  it('leave alone what somebody else made, and say what differs', async (t) => {
    const { link, manager } = await newServer(t);
    await manager.streams.add({
      name: 'HEADWATER_LABELS',
      subjects: ['headwater.label.>'],
      retention: RetentionPolicy.Limits,
    });
    const different = await refusal(link, {});
    assert.equal(different.code, 'nats_setup');
    assert.match(different.message, /HEADWATER_LABELS.*can not change retention policy/);
    await manager.streams.delete('HEADWATER_LABELS');
    await manager.streams.add({ name: 'OTHER', subjects: ['headwater.label.*'] });
    assert.match((await refusal(link, {})).message, /another stream.*takes subjects of HEADWATER_LABELS/);
  });

  it('say so when the server has no JetStream', async (t) => {
    const { link } = await newServer(t, { jetstream: false });
    const error = await refusal(link, {});
    assert.equal(error.code, 'nats_unavailable');
    assert.match(error.message, /does it run with JetStream/);
  });
});
