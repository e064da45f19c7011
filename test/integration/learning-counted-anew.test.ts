import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'nats';
import { connectNats } from '../../src/learner/nats/connection/connection.js';
import { Deliveries, type Delivery } from '../../src/learner/nats/streams/deliveries.js';
import { DEFAULT_STREAM_BYTES, LABELS_STREAM, streamConfigs } from '../../src/learner/nats/streams/streams.js';
import { lastFirst } from '../support/last-first.js';
import { natsMissing, startTestNats, type TestNats } from '../support/nats.js';
import { embeddingOf, startTestLearning } from '../support/test-learning.js';
import { undisturbedFold } from '../support/undisturbed-fold.js';
import { until } from '../support/until.js';

const options = { skip: natsMissing() };
const classes = ['cat', 'dog', 'fox'];

/** What nats-server 2.9.10 makes of a work queue by itself when it is killed at a bad moment: empty, and counted from 1 again. */
function forgetMessages(nats: TestNats, stream: string): void {
  const paths = readdirSync(nats.storeDirectory, { recursive: true }).map(String);
  const folder = paths.find((path) => path.endsWith(join(stream, 'msgs')));
  assert.ok(folder, `${nats.storeDirectory} holds ${stream}`);
  for (const file of readdirSync(join(nats.storeDirectory, folder))) rmSync(join(nats.storeDirectory, folder, file));
}

test(
  'labels that come after a killed nats-server counted its queue anew are learned, with and without ids',
  options,
  async (t) => {
    const ends = lastFirst(t);
    const nats = await startTestNats({ t: ends });
    const system = await startTestLearning(ends, nats.url);
    const publisher = await connect({ servers: nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
    ends.after(() => publisher.close());
    const label = async (i: number) => {
      const id = i % 2 === 0 ? { id: `k${i}` } : {};
      const text = JSON.stringify({ ...id, embedding: [...embeddingOf(i % 3, i)], label: classes[i % 3] });
      await publisher.jetstream().publish('headwater.label.pets', text, { timeout: 10_000 });
    };
    for (let i = 0; i < 60; i++) await label(i);
    await system.trained(60);

    await nats.kill9();
    forgetMessages(nats, LABELS_STREAM);
    await nats.restart();
    await until('NATS is back', () => system.learning.connected);
    const manager = await publisher.jetstreamManager();
    await until('NATS answers the publisher', () =>
      manager.streams.info(LABELS_STREAM).then(
        () => true,
        () => false,
      ),
    );
    for (let i = 60; i < 100; i++) await label(i);
    const { state } = await manager.streams.info(LABELS_STREAM);
    assert.ok(state.last_seq < 60, `sequences are given a second time: ${state.last_seq}`);
    await system.trained(100);
    const { ids } = await undisturbedFold(publisher, 'pets');
    assert.equal(ids.length, 100);
  },
);

test(
  'what came over a lost connection is not acknowledged: its sequence may be another message',
  options,
  async (t) => {
    const nats = await startTestNats({ t });
    const link = await connectNats({ url: nats.url, name: 'test', log: () => {} });
    t.after(() => link.close());
    const manager = await link.connection.jetstreamManager({ checkAPI: false });
    const [config] = streamConfigs({ replicas: 1, windowMs: 60_000, bytes: DEFAULT_STREAM_BYTES }).filter(
      ({ name }) => name === LABELS_STREAM,
    );
    assert.ok(config);
    await manager.streams.add(config);
    const arrived: Delivery[] = [];
    let lost = 0;
    const deliveries = new Deliveries(link, {
      stream: LABELS_STREAM,
      consumer: 'join',
      ackWaitMs: 60_000,
      maxAckPending: 100,
      limit: { maxMessages: 10 },
      room: async () => {},
      onDelivery: (delivery) => arrived.push(delivery),
      onLost: () => {
        lost += 1;
      },
      onTrouble: () => {},
    });
    t.after(() => deliveries.stop());
    const texts = () => arrived.map(({ message }) => message.string());
    await link.jetstream().publish('headwater.label.h', 'before');
    await until('it is delivered', () => arrived.length === 1);

    await nats.kill9();
    forgetMessages(nats, LABELS_STREAM);
    await nats.restart();
    await until('NATS is back', () => link.connected && lost === 1);
    const publish = () =>
      link
        .jetstream()
        .publish('headwater.label.h', 'after')
        .then(
          () => true,
          () => false,
        );
    await until('another one has its sequence', publish);
    arrived[0]?.acknowledge();
    await until('it is delivered', () => texts().includes('after'));
    await link.connection.flush();
    await delay(200);
    assert.equal((await manager.streams.info(LABELS_STREAM)).state.messages, 1, 'it is still in the stream');
    arrived.find(({ message }) => message.string() === 'after')?.acknowledge();
    const empty = async () => (await manager.streams.info(LABELS_STREAM)).state.messages === 0;
    await until('it is acknowledged', empty);
  },
);
