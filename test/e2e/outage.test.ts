import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from 'nats';
import { classOf, EmbeddingClient } from '../support/embedding-client.js';
import { lastFirst } from '../support/last-first.js';
import { natsMissing, startTestNats } from '../support/nats.js';
import { startServer } from '../support/server-process.js';
import { until } from '../support/until.js';

test('with NATS stopped prediction goes on, and labels resume when it is back', { skip: natsMissing() }, async (t) => {
  const ends = lastFirst(t);
  const nats = await startTestNats({ t: ends });
  const server = await startServer(ends, { nats: { url: nats.url } });
  const client = new EmbeddingClient(ends, server.grpc);
  const connected = async () => (await server.metrics()).value('headwater_nats_connected');
  const samples = async () => (await server.metrics()).value('headwater_head_samples_total', { head: 'pets' });
  const label = async (from: number, to: number) => {
    const publisher = await connect({ servers: nats.url });
    for (let i = from; i < to; i++) {
      await publisher.jetstream().publish('headwater.label.pets', JSON.stringify({ id: `o${i}`, label: classOf(i) }));
    }
    await publisher.close();
  };

  // An answer waits for its record for 50 ms only, which a loaded machine may take.
  const recorded = (i: number) =>
    until('an answer is recorded', async () => {
      const { parameters } = await client.predict(`o${i}`, i);
      return parameters.recorded?.boolParam === true;
    });
  for (let i = 0; i < 40; i++) await recorded(i);
  await label(0, 20);
  await until('the first labels are learned', async () => (await samples()) === 20);
  await until('they are served', async () => Number((await client.predict('probe', 0)).modelVersion) > 0);
  assert.equal(await connected(), 1);

  await nats.terminate();
  await until('the server knows that NATS is away', async () => (await connected()) === 0);
  for (let i = 40; i < 60; i++) {
    const answer = await client.predict(`o${i}`, i);
    assert.ok(Number(answer.modelVersion) > 0, 'the head goes on serving');
    assert.equal(answer.parameters.recorded?.boolParam, false, 'and says that a label for it cannot join');
  }
  assert.equal((await fetch(`${server.http}/livez`)).status, 200);

  await nats.restart();
  await until('NATS is back', async () => (await connected()) === 1);
  await label(20, 40);
  await until('the labels of recorded answers are learned', async () => (await samples()) === 40);
  await recorded(60);
  assert.equal(await server.stop(), 0);
});
