import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { AckPolicy, DiscardPolicy, type JetStreamClient, nanos, RetentionPolicy, type StreamConfig } from 'nats';
import {
  connectNats,
  isNoResponders,
  isNotFound,
  isStoreRefusal,
  isStreamFull,
  isSubjectTaken,
  isTooLarge,
  JETSTREAM_ERROR,
  jetStreamCode,
} from '../../src/learner/nats/connection/connection.js';
import {
  CLOSED_SUBJECT,
  DEFAULT_STREAM_BYTES,
  LABELS_SUBJECT,
  streamConfigs,
} from '../../src/learner/nats/streams/streams.js';
import { natsMissing, startTestNats, type TestNatsOptions } from '../support/nats.js';

// What Headwater relies on and nats-server's documentation does not promise: if a new version differs, this is where it shows.

const skip = natsMissing();

async function newServer(t: TestContext, serverOptions: TestNatsOptions = {}) {
  const server = await startTestNats({ t, ...serverOptions });
  const link = await connectNats({ url: server.url, name: 'test', log: () => {} });
  t.after(() => link.close());
  const manager = await link.connection.jetstreamManager({ checkAPI: false });
  const kill = async () => {
    await server.kill9();
    await server.restart();
    while (!link.connected) await delay(20);
  };
  return { server, link, manager, js: link.jetstream(), kill };
}

function settings(name: string): Partial<StreamConfig> & { name: string } {
  const found = streamConfigs({ replicas: 1, windowMs: 1000, bytes: DEFAULT_STREAM_BYTES }).find(
    (each) => each.name === name,
  );
  assert.ok(found);
  return found;
}

async function codeOf(promise: Promise<unknown>): Promise<number | undefined> {
  return promise.then(
    () => assert.fail('it was accepted'),
    (error) => jetStreamCode(error),
  );
}

describe('one message a subject', { skip }, () => {
  it('holds beyond any de-duplication window and over a kill -9, and ends with a purge', async (t) => {
    const { manager, js, kill } = await newServer(t);
    const config = { ...settings('HEADWATER_TRAINING'), duplicate_window: nanos(100) };
    await manager.streams.add(config);
    const subject = 'headwater.training.h.1.key';
    const once = await js.publish(subject, 'first', { msgID: 'id' });
    await delay(300);
    await assert.rejects(js.publish(subject, 'second', { msgID: 'id' }), isSubjectTaken);
    await kill();
    await assert.rejects(js.publish(subject, 'third'), isSubjectTaken);
    await assert.rejects(js.publish(subject, 'fourth', { msgID: 'id' }), isSubjectTaken);
    const stored = await manager.streams.getMessage(config.name, { last_by_subj: subject });
    assert.equal(new TextDecoder().decode(stored.data), 'first');
    assert.equal(stored.seq, once.seq);
    await js.publish('headwater.training.other.1.key', 'x');
    assert.equal((await manager.streams.purge(config.name, { filter: 'headwater.training.h.1.*' })).purged, 1);
    await js.publish(subject, 'anew');
    await assert.rejects(js.publish('headwater.training.other.1.key', 'y'), isSubjectTaken);
  });

  it('holds for a purge too: what was purged does not come back with a kill -9', async (t) => {
    const { manager, js, kill } = await newServer(t);
    await manager.streams.add(settings('HEADWATER_TRAINING'));
    for (let i = 0; i < 20; i++) await js.publish(`headwater.training.h${i % 2}.1.${i}`, 'x');
    await manager.streams.purge('HEADWATER_TRAINING', { filter: 'headwater.training.h0.1.*' });
    await kill();
    const { state } = await manager.streams.info('HEADWATER_TRAINING', { subjects_filter: '>' });
    assert.equal(Object.keys(state.subjects ?? {}).filter((subject) => subject.includes('.h0.')).length, 0);
    assert.equal(state.messages, 10);
  });

  it('is told from a full stream by its description alone', async (t) => {
    const { manager, js } = await newServer(t);
    await manager.streams.add({ ...settings('HEADWATER_TRAINING'), max_bytes: 10_000 });
    await js.publish('headwater.training.h.1.a', new Uint8Array(8000));
    const full = js.publish('headwater.training.h.1.b', new Uint8Array(8000));
    await assert.rejects(full, (error) => isStreamFull(error) && isStoreRefusal(error) && !isSubjectTaken(error));
    const both = js.publish('headwater.training.h.1.a', new Uint8Array(8000));
    await assert.rejects(both, (error) => isSubjectTaken(error) && isStoreRefusal(error) && !isStreamFull(error));
    await manager.streams.add({ ...settings('HEADWATER_PARKED'), max_msgs: 1 });
    await js.publish('headwater.parked.h', 'x');
    await assert.rejects(js.publish('headwater.parked.h', 'x'), isStreamFull);
  });
});

describe('a stream that refuses new messages when it is full', { skip }, () => {
  it('may not be limited by its bytes: 2.9 drops acknowledged messages then', async (t) => {
    const { link, manager, js } = await newServer(t);
    const lost: Record<number, number> = {};
    for (const size of [10, 20, 50, 100, 300, 1_000]) {
      const name = `S${size}`;
      const limits = { discard: DiscardPolicy.New, retention: RetentionPolicy.Workqueue, max_bytes: 60_000 };
      await manager.streams.add({ name, subjects: [`s.${size}`], ...limits });
      let acknowledged = 0;
      for (let i = 0; i < 2_000 && acknowledged === i; i++) {
        const stored = js.publish(`s.${size}`, new Uint8Array(size)).then(() => true);
        acknowledged += Number(await stored.catch(() => false));
      }
      lost[size] = acknowledged - (await manager.streams.info(name)).state.messages;
    }
    t.diagnostic(`nats-server ${link.connection.info?.version} drops, by size: ${JSON.stringify(lost)}`);
    // Later versions may have mended it.
    if (link.connection.info?.version.startsWith('2.9.')) assert.ok(Object.values(lost).some((count) => count > 0));
  });

  it('has exactly as many as it may have, whoever publishes what', async (t) => {
    const { server, manager } = await newServer(t);
    await manager.streams.add({ ...settings('HEADWATER_LABELS'), max_msgs: 500 });
    const links = await Promise.all([1, 2, 3].map(() => connectNats({ url: server.url, name: 'p', log: () => {} })));
    t.after(() => Promise.all(links.map((each) => each.close())));
    const all = links.flatMap((each) =>
      Array.from({ length: 300 }, (_, i) => each.jetstream().publish('headwater.label.h', new Uint8Array(i * 7))),
    );
    const settled = await Promise.allSettled(all);
    const refused = settled.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
    assert.equal(refused.length, 400);
    assert.ok(refused.every(isStreamFull));
    const { state } = await manager.streams.info('HEADWATER_LABELS');
    assert.deepEqual([state.first_seq, state.messages], [1, 500]);
  });

  it('can give up its subject under fire: who is acknowledged is stored, the others are told', async (t) => {
    const { server, manager } = await newServer(t);
    await manager.streams.add(settings('HEADWATER_LABELS'));
    const links = await Promise.all([1, 2, 3].map(() => connectNats({ url: server.url, name: 'p', log: () => {} })));
    t.after(() => Promise.all(links.map((each) => each.close())));
    let acknowledged = 0;
    let refused = 0;
    let ended = false;
    const publish = async (js: JetStreamClient, size: number) => {
      while (!ended) {
        try {
          await js.publish('headwater.label.h', new Uint8Array(size));
          acknowledged += 1;
        } catch (error) {
          assert.ok(isNoResponders(error), String(error));
          refused += 1;
          await delay(1);
        }
      }
    };
    const publishers = links.flatMap((each) => [10, 70, 500, 4_000].map((size) => publish(each.jetstream(), size)));
    const count = async () => (await manager.streams.info('HEADWATER_LABELS')).state.messages;
    for (let i = 0; i < 8; i++) {
      await manager.streams.update('HEADWATER_LABELS', { subjects: [CLOSED_SUBJECT] });
      await delay(50);
      const closed = await count();
      await delay(50);
      assert.equal(await count(), closed, 'none is taken while it is closed');
      await manager.streams.update('HEADWATER_LABELS', { subjects: [LABELS_SUBJECT] });
      await delay(50);
      assert.ok((await count()) > closed, 'they are taken again');
    }
    ended = true;
    await Promise.all(publishers);
    assert.equal(await count(), acknowledged);
    assert.ok(refused > 0);
  });
});

describe('a purge of one subject', { skip }, () => {
  it("may not be done where others are followed: 2.9 moves whoever is behind past them, and key-value's purge is one", async (t) => {
    const { link, manager, js } = await newServer(t);
    const kv = await js.views.kv('B', { history: 1 });
    const seen = async (change: () => Promise<unknown>) => {
      const { name } = await manager.consumers.add('KV_B', { ack_policy: AckPolicy.None });
      await change();
      const consumer = await js.consumers.get('KV_B', name);
      const subjects: string[] = [];
      const messages = await consumer.fetch({ max_messages: 10, expires: 1_000 });
      for await (const { subject } of messages) subjects.push(subject.split('.').at(-1) as string);
      await manager.consumers.delete('KV_B', name);
      return subjects;
    };
    for (const key of ['a', 'b', 'c']) await kv.put(key, 'x');
    assert.deepEqual(await seen(() => kv.delete('b')), ['a', 'c', 'b'], 'a deletion hides nothing');
    const behind = await seen(() => kv.purge('c'));
    t.diagnostic(`nats-server ${link.connection.info?.version}: a purge leaves of a, b and c: ${behind.join()}`);
    if (link.connection.info?.version.startsWith('2.9.')) assert.deepEqual(behind, ['c']);
  });
});

describe('the error codes of JetStream', { skip }, () => {
  it('are those of the table', async (t) => {
    const { manager, js } = await newServer(t, { maxFileStore: 2 ** 20 });
    const queue = {
      name: 'Q',
      subjects: ['q.>'],
      retention: RetentionPolicy.Workqueue,
      max_msg_size: 10,
      max_msgs_per_subject: 1,
    };
    await manager.streams.add(queue);
    await js.publish('q.a', 'x');
    const provoked: Partial<Record<keyof typeof JETSTREAM_ERROR, () => Promise<unknown>>> = {
      consumerNotFound: () => manager.consumers.info('Q', 'nobody'),
      noMessageFound: () => manager.streams.getMessage('Q', { seq: 77 }),
      insufficientStorage: () => manager.streams.add({ name: 'B', subjects: ['b'], max_bytes: 2 ** 30 }),
      invalidConfiguration: () =>
        manager.streams.update('Q', { retention: RetentionPolicy.Limits } as Partial<StreamConfig>),
      messageTooLarge: () => js.publish('q.a', 'x'.repeat(11)),
      messageDeleteFailed: () => manager.streams.deleteMessage('Q', 77),
      streamNameInUse: () => manager.streams.add({ ...queue, max_msgs: 3 }),
      streamNotFound: () => manager.streams.info('NOBODY'),
      subjectsOverlap: () => manager.streams.add({ name: 'O', subjects: ['q.a'] }),
      wrongLastSequence: () => js.publish('q.a', 'x', { expect: { lastSequence: 77 } }),
      replicasNeedCluster: () => manager.streams.add({ name: 'R', subjects: ['r'], num_replicas: 3 }),
    };
    for (const [name, provoke] of Object.entries(provoked)) {
      assert.equal(await codeOf(provoke()), JETSTREAM_ERROR[name as keyof typeof JETSTREAM_ERROR], name);
    }
    await assert.rejects(js.publish('q.a', 'x'.repeat(11)), isTooLarge);
    await assert.rejects(manager.streams.getMessage('Q', { seq: 77 }), isNotFound);
    await manager.streams.add({ name: 'D', subjects: ['d.>'], allow_direct: true });
    const direct = (manager as unknown as { direct: { getMessage: typeof manager.streams.getMessage } }).direct;
    await assert.rejects(direct.getMessage('D', { last_by_subj: 'd.a' }), isNotFound);
  });
});

describe('nats-server killed with -9', { skip }, () => {
  it('has every message that it acknowledged', async (t) => {
    const { server, link, manager, js } = await newServer(t);
    await manager.streams.add(settings('HEADWATER_SERVED'));
    const acknowledged = new Set<string>();
    let killed: Promise<void> | undefined;
    const publish = async (writer: number) => {
      for (let i = 0; killed === undefined; i++) {
        const subject = `headwater.served.h.1.${writer}-${i}`;
        try {
          await js.publish(subject, new Uint8Array(2000), { timeout: 1000 });
          acknowledged.add(subject);
        } catch {
          return;
        }
        if (acknowledged.size === 3000) killed = server.kill9();
      }
    };
    await Promise.all(Array.from({ length: 50 }, (_, writer) => publish(writer)));
    await killed;
    await server.restart();
    while (!link.connected) await delay(20);
    const { state } = await manager.streams.info('HEADWATER_SERVED', { subjects_filter: '>' });
    const lost = [...acknowledged].filter((subject) => state.subjects?.[subject] === undefined);
    assert.ok(acknowledged.size >= 3000);
    assert.deepEqual(lost, []);
  });

  it('may not have its work queues purged: 2.9 forgets what is delivered and not acknowledged then', async (t) => {
    const { link, manager, js } = await newServer(t);
    await manager.streams.add(settings('HEADWATER_LABELS'));
    await js.publish('headwater.label.h', 'x');
    const config = { durable_name: 'c', ack_policy: AckPolicy.Explicit, ack_wait: nanos(500) };
    await manager.consumers.add('HEADWATER_LABELS', config);
    const consumer = await js.consumers.get('HEADWATER_LABELS', 'c');
    assert.ok(await consumer.next({ expires: 5_000 }));
    assert.equal((await manager.streams.purge('HEADWATER_LABELS', { filter: 'headwater.label.nobody' })).purged, 0);
    const forgotten = (await consumer.next({ expires: 3_000 })) === null;
    t.diagnostic(`nats-server ${link.connection.info?.version} forgets the message: ${forgotten}`);
    // Later versions may have mended it; what is in the stream must be there in any case.
    if (link.connection.info?.version.startsWith('2.9.')) assert.ok(forgotten);
    assert.equal((await manager.streams.info('HEADWATER_LABELS')).state.messages, 1);
  });
});
