import assert from 'node:assert/strict';
import { connect as connectSocket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect, headers } from 'nats';
import { lastFirst } from '../support/last-first.js';
import { natsMissing, startTestNats, type TestNats } from '../support/nats.js';
import { readStream } from '../support/read-stream.js';
import { embeddingOf, headRequest, startTestLearning } from '../support/test-learning.js';
import { until } from '../support/until.js';

const options = { skip: natsMissing() };

async function setUp(t: TestContext, overrides: Parameters<typeof startTestLearning>[2] = {}) {
  const ends = lastFirst(t);
  const nats = await startTestNats({ t: ends });
  const system = await startTestLearning(ends, nats.url, overrides);
  const client = await connect({ servers: nats.url });
  ends.after(() => client.close());
  const reasons = async () =>
    (await readStream(nats.url, 'HEADWATER_DEAD')).map((letter) => letter.header.get('Headwater-Reason'));
  return { nats, system, client, reasons };
}

/** Publishes with header bytes of our own making, which no client library would send. */
async function publishRaw({ host, port }: TestNats, subject: string, header: string, payload: string): Promise<void> {
  const head = `NATS/1.0\r\n${header}\r\n\r\n`;
  const socket = connectSocket(port, host);
  socket.write('CONNECT {"verbose":false,"headers":true}\r\n');
  const sizes = `${Buffer.byteLength(head)} ${Buffer.byteLength(head) + Buffer.byteLength(payload)}`;
  socket.write(`HPUB ${subject} ${sizes}\r\n${head}${payload}\r\nPING\r\n`);
  await new Promise<void>((resolve, reject) => {
    socket.on('data', (data) => {
      if (data.includes('PONG')) resolve();
      if (data.includes('-ERR')) reject(new Error(data.toString()));
    });
    socket.on('error', reject);
  });
  socket.destroy();
}

test('headers that cannot be read make a dead letter, not a message that comes for ever', options, async (t) => {
  const { nats, system, client, reasons } = await setUp(t);
  for (const header of ['a key with spaces: x', 'no colon', ': no key', 'Headwater-Label\u00e9: cat']) {
    await publishRaw(nats, 'headwater.label.pets', header, '{"id":"a"}');
  }
  const good = JSON.stringify({ embedding: [...embeddingOf(0, 1)], label: 'cat' });
  await client.jetstream().publish('headwater.label.pets', good);
  await system.trained(1);
  assert.deepEqual(await reasons(), ['invalid', 'invalid', 'invalid', 'invalid']);
  assert.equal((await readStream(nats.url, 'HEADWATER_LABELS')).length, 0);
});

test('what strangers put into the streams where labels wait does not stop the process', options, async (t) => {
  const { nats, system, client, reasons } = await setUp(t);
  await publishRaw(nats, 'headwater.parked.pets', 'a key with spaces: x', '{"id":"a","label":"cat"}');
  await client.jetstream().publish('headwater.parked.pets', 'not a label');
  await until('both are given up', async () => (await reasons()).length === 2, { state: () => system.problems });
  const embedding = [...embeddingOf(0, 1)];
  await system.learning.publishLabels('pets', [{ id: 'good', label: 'cat', embedding }]);
  await until('labels go on', () => system.status().statistics.samples === 1);
  assert.equal((await readStream(nats.url, 'HEADWATER_PARKED')).length, 0);
});

test('labels that fill a message to the last byte end somewhere', options, async (t) => {
  const { system, client, reasons } = await setUp(t);
  const { max_payload: max = 0 } = client.info ?? {};
  const jetstream = client.jetstream();
  const padded = (json: object, bytes: number) => {
    const text = JSON.stringify({ ...json, pad: '' });
    return JSON.stringify({ ...json, pad: 'x'.repeat(bytes - text.length) });
  };
  const many = headers();
  for (let i = 0; i < 30; i++) many.set(`Key-${i}`, 'v'.repeat(300));
  // Its record is missing, but it leaves no room to say where it stood.
  await jetstream.publish('headwater.label.pets', padded({ id: 'none', label: 'cat' }, max));
  // Not JSON, and the dead letter's headers do not fit beside it.
  await jetstream.publish('headwater.label.pets', 'x'.repeat(max - 10_500), { headers: many });
  const image = headers();
  for (let i = 0; i < 30; i++) image.set(`Key-${i}`, 'v'.repeat(300));
  image.set('headwater-label', 'cat');
  await jetstream.publish('headwater.label.pets', 'x'.repeat(max - 10_500), { headers: image });
  await until('all are given up or moved', async () => (await reasons()).length === 2, {
    state: () => system.problems,
  });
  assert.deepEqual((await reasons()).sort(), ['invalid', 'too_large']);
  const { labelsWaiting } = await system.learning.heads.progress('pets');
  assert.equal(labelsWaiting, 1, 'the image waits for its embedding: nobody serves the backbone here');
});

test('what the head cannot learn any more is counted', options, async (t) => {
  const { system } = await setUp(t, { heads: [headRequest('pets', { maxClasses: 2 })] });
  const embedding = [...embeddingOf(0, 1)];
  const labels = ['a', 'b', 'c', 'd', 'e'].map((label) => ({ id: label, label, embedding }));
  await system.learning.publishLabels('pets', labels);
  const results = () => system.learning.labelResults('pets');
  const sum = () => Object.values(results()).reduce((total, count) => total + count, 0);
  await until('all are accounted for', () => sum() === 5, { state: results });
  assert.deepEqual(results(), { trained: 2, invalid: 3 });
});

test('what a header would change is refused at once', options, async (t) => {
  const { system } = await setUp(t);
  const image = Uint8Array.of(0xff, 0xd8, 0xff);
  for (const bad of [
    { id: '', label: ' cat' },
    { id: 'a ', label: 'cat' },
  ]) {
    const refused = system.learning.publishLabels('pets', [{ ...bad, image }]);
    await assert.rejects(refused, { code: 'invalid_argument', message: /spaces/ });
  }
});
