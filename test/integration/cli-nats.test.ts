import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, type JetStreamManager, type NatsConnection } from 'nats';
import type { NatsSecurity } from '../../src/learner/index.js';
import { LabelRefused } from '../../src/server/client/label-sender.js';
import { NatsSender } from '../../src/server/client/nats-sender.js';
import { natsMissing, startTestNats, type TestNats } from '../support/nats.js';
import { headwater } from '../support/run-headwater.js';

const RETRY = { patienceMs: 60_000, firstDelayMs: 20, maxDelayMs: 200 };

interface Stored {
  readonly subject: string;
  readonly data: string;
  readonly label: string;
  readonly id: string;
}

async function open(server: TestNats): Promise<{ connection: NatsConnection; manager: JetStreamManager }> {
  const connection = await connect({
    servers: `${server.host}:${server.port}`,
    user: server.url.includes('@') ? 'u' : undefined,
    pass: 'p w',
  });
  return { connection, manager: await connection.jetstreamManager() };
}

async function storedLabels(manager: JetStreamManager): Promise<Stored[]> {
  const { state } = await manager.streams.info('HEADWATER_LABELS');
  const stored: Stored[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq++) {
    const message = await manager.streams.getMessage('HEADWATER_LABELS', { seq });
    stored.push({
      subject: message.subject,
      data: Buffer.from(message.data).toString(),
      label: message.header.get('Headwater-Label'),
      id: message.header.get('Headwater-Id'),
    });
  }
  return stored;
}

test('labels and samples are stored, names of any script with them', { skip: natsMissing() }, async (t) => {
  const server = await startTestNats({ t, user: 'u', password: 'p w' });
  const { connection, manager } = await open(server);
  t.after(() => connection.close());
  await manager.streams.add({ name: 'HEADWATER_LABELS', subjects: ['headwater.label.*'] });
  const sender = await NatsSender.connect(server.url, 'demo', RETRY);
  t.after(() => sender.close());
  await sender.send({ id: 'r:猫:1.jpg', label: '猫' });
  await sender.send({ id: 'r:猫:2.jpg', label: '猫 ö', image: Buffer.from('jpeg') });
  const [join, sample] = await storedLabels(manager);
  assert.equal(join?.subject, 'headwater.label.demo');
  assert.deepEqual(JSON.parse(join?.data ?? ''), { id: 'r:猫:1.jpg', label: '猫' });
  assert.deepEqual({ ...sample, subject: '' }, { subject: '', data: 'jpeg', label: '猫 ö', id: 'r:猫:2.jpg' });
});

test('a label beyond max_payload is refused, and the next one goes through', { skip: natsMissing() }, async (t) => {
  const server = await startTestNats({ t, maxPayload: 2000 });
  const { connection, manager } = await open(server);
  t.after(() => connection.close());
  await manager.streams.add({ name: 'HEADWATER_LABELS', subjects: ['headwater.label.*'] });
  const sender = await NatsSender.connect(server.url, 'demo', RETRY);
  t.after(() => sender.close());
  for (const size of [1990, 2001, 100_000]) {
    await assert.rejects(sender.send({ id: 'x', label: 'cat', image: Buffer.alloc(size) }), (error) => {
      assert.ok(error instanceof LabelRefused);
      assert.match(error.message, /NATS takes 2000/);
      return true;
    });
  }
  await sender.send({ id: 'x', label: 'cat', image: Buffer.alloc(1900) });
  assert.equal((await storedLabels(manager)).length, 1);
});

test('what is on its way when the server dies is stored once it is back', {
  skip: natsMissing(),
  timeout: 120_000,
}, async (t) => {
  const server = await startTestNats({ t });
  const { connection, manager } = await open(server);
  await manager.streams.add({ name: 'HEADWATER_LABELS', subjects: ['headwater.label.*'] });
  await connection.close();
  const sender = await NatsSender.connect(server.url, 'demo', RETRY);
  t.after(() => sender.close());
  await sender.send({ id: '0', label: 'cat' });
  await server.kill9();
  const sending = Promise.all([1, 2, 3].map((id) => sender.send({ id: String(id), label: 'cat' })));
  await server.restart();
  await sending;
  const after = await open(server);
  t.after(() => after.connection.close());
  const ids = new Set((await storedLabels(after.manager)).map(({ data }) => (JSON.parse(data) as { id: string }).id));
  assert.deepEqual([...ids].sort(), ['0', '1', '2', '3']);
});

test('a NATS server that is not there, refuses us, or has no stream is told', { skip: natsMissing() }, async (t) => {
  const server = await startTestNats({ t, user: 'u', password: 'secret' });
  await assert.rejects(NatsSender.connect('nats://127.0.0.1:1', 'demo', RETRY), /no NATS server at 127\.0\.0\.1:1/);
  await assert.rejects(
    NatsSender.connect(`nats://u:wrong@${server.host}:${server.port}`, 'demo', RETRY),
    (error: Error) => {
      assert.match(error.message, /refuses our credentials; .*nats\.json/);
      assert.doesNotMatch(error.message, /wrong/);
      return true;
    },
  );
  const sender = await NatsSender.connect(server.url, 'demo', { ...RETRY, patienceMs: 100 });
  t.after(() => sender.close());
  await assert.rejects(sender.send({ id: '1', label: 'cat' }), /no stream that takes headwater\.label\.demo/);
});

test('options of the connection name what is wrong with them', async () => {
  const feed = ['feed', '--data', '.', '--head', 'demo'];
  const stray = await headwater([...feed, '--nats-nkey', 'x']);
  assert.deepEqual([stray.code, stray.out], [2, '']);
  assert.match(stray.err, /--nats-nkey needs --nats/);
  const source = (security: NatsSecurity) => ({ address: 'nats://127.0.0.1:1', security, warn: () => {} });
  const missing = NatsSender.connect(source({ nkey: '/nowhere/x.nk' }), 'demo', RETRY);
  await assert.rejects(missing, /^LearnerError: --nats-nkey: "\/nowhere\/x\.nk" can't be read \(ENOENT\)/);
  const both = NatsSender.connect(source({ nkey: 'x', user: 'ann', passwordFile: 'y' }), 'demo', RETRY);
  await assert.rejects(both, /--nats-nkey and --nats-user are both set: keep one/);
});
