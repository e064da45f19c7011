// What all clients together can make the server hold before anything is accepted, and after it was answered.
import assert from 'node:assert/strict';
import type { ClientHttp2Session } from 'node:http2';
import { createConnection } from 'node:net';
import { test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { credentials, status as Status } from '@grpc/grpc-js';
import { inference } from '../../protos/index.js';
import { type Config, parseConfig } from '../../src/server/config/index.js';
import { checkMemory } from '../../src/server/start/memory-check.js';
import {
  began,
  framed,
  INFER,
  inferMessage,
  type RawCall,
  rawCall,
  rawConnection,
  STREAM_INFER,
} from '../support/raw-grpc.js';
import { startTestServer, type TestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

const MiB = 2 ** 20;
/** So that nothing but the transport says no. */
const LARGE_QUEUE = ['server.queueLimit=1000000', 'server.queueBytes=1GiB', 'server.clientShare=1'];
const pixels = {
  modelName: 'tiny',
  inputs: [{ name: 'pixels', datatype: 'UINT8', shape: [1, 4, 4, 3] }],
  rawInputContents: [Buffer.alloc(48, 3)],
};
/** `rows` embeddings of 12 bytes, answered with as many. */
const embeddings = (rows: number) => ({
  modelName: 'pets',
  inputs: [{ name: 'embedding', datatype: 'FP32', shape: [rows, 3] }],
  rawInputContents: [Buffer.alloc(rows * 12)],
  outputs: [{ name: 'embedding' }],
});

async function memory(server: TestServer, what: 'receive' | 'send'): Promise<number> {
  const { body } = await server.get('/metrics');
  const name = `headwater_grpc_memory_bytes{what="${what}"} `;
  return Number(
    body
      .split('\n')
      .find((line) => line.startsWith(name))
      ?.slice(name.length),
  );
}

/** A connection from another address of this machine: another client. */
function fromElsewhere(server: TestServer): ClientHttp2Session {
  const [host, port] = server.address.split(':') as [string, string];
  return rawConnection(server.address, {
    createConnection: () => createConnection({ host, port: Number(port), localAddress: '127.0.0.2' }),
  });
}

test('halves of messages on many streams fill the budget and no more; other clients are served', async (t) => {
  const set = ['server.receiveMemory=8MiB', 'server.maxMessageBytes=2MiB'];
  const server = await startTestServer({ set });
  t.after(() => server.close());
  const session = rawConnection(server.address);
  t.after(() => session.destroy());
  const ends: Promise<{ status: number | undefined; headers: Record<string, unknown> }>[] = [];
  for (let index = 0; index < 60; index++) {
    const call = rawCall(session, INFER);
    call.stream.write(began(2 * MiB, Buffer.alloc(MiB)));
    ends.push(call.ended);
  }
  const refused = await Promise.race(ends);
  assert.equal(refused.status, Status.RESOURCE_EXHAUSTED);
  assert.equal(refused.headers['headwater-error'], 'memory_full');
  assert.ok(Number(refused.headers['grpc-retry-pushback-ms']) > 0);
  let largest = 0;
  await until('most are refused, the rest wait', async () => {
    largest = Math.max(largest, await memory(server, 'receive'));
    const left = await Promise.race([Promise.all(ends.slice(0, 1)), Promise.resolve(undefined)]);
    return left !== undefined || largest > 4 * MiB;
  });
  // Another client is served while the memory is full: the one that holds most gives way.
  const other = fromElsewhere(server);
  t.after(() => other.destroy());
  for (let index = 0; index < 5; index++) {
    const call = rawCall(other, INFER);
    call.stream.end(framed(inferMessage(pixels)));
    assert.equal((await call.ended).status, Status.OK);
  }
  assert.ok((await memory(server, 'receive')) <= 8 * MiB);
  session.destroy();
  await until('all of it is given back', async () => (await memory(server, 'receive')) === 0);
});

test('halves of messages that came fast and then stopped: others of the same address are served, and the halves end', async (t) => {
  const set = ['server.receiveMemory=4MiB', 'server.maxMessageBytes=1MiB', 'server.stallTimeout=3s', ...LARGE_QUEUE];
  const server = await startTestServer({ set });
  t.after(() => server.close());
  const session = rawConnection(server.address);
  t.after(() => session.destroy());
  const ends: Promise<{ status: number | undefined }>[] = [];
  for (let index = 0; index < 4; index++) {
    const call = rawCall(session, INFER);
    call.stream.write(began(MiB, Buffer.alloc(900_000)));
    ends.push(call.ended);
  }
  await until('they hold nearly all', async () => (await memory(server, 'receive')) > 3.5 * MiB);
  // Another connection, the same address: what all clients behind a proxy have in common.
  assert.equal((await server.infer(embeddings(50_000))).modelName, 'pets');
  const statuses = (await Promise.all(ends)).map(({ status }) => status).sort();
  assert.deepEqual(statuses, [
    Status.DEADLINE_EXCEEDED,
    Status.DEADLINE_EXCEEDED,
    Status.DEADLINE_EXCEEDED,
    Status.RESOURCE_EXHAUSTED,
  ]);
});

test('a stream whose messages are not answered yet is held to the budget, its answers give it back', async (t) => {
  const server = await startTestServer({
    set: [...LARGE_QUEUE, 'server.receiveMemory=4MiB', 'server.maxMessageBytes=1MiB'],
  });
  t.after(() => server.close());
  const session = rawConnection(server.address);
  t.after(() => session.destroy());
  const call = rawCall(session, STREAM_INFER);
  // 20 MiB in all, but never more than some at once.
  const message = framed(inferMessage(embeddings(20_000)));
  for (let sent = 0; sent < 20 * MiB; sent += message.length) call.stream.write(message);
  call.stream.end();
  assert.equal((await call.ended).status, Status.OK);
  await until('all of it is given back', async () => (await memory(server, 'receive')) === 0);
});

for (const [encoding, compress] of [
  ['gzip', gzipSync],
  ['deflate', deflateSync],
] as const) {
  test(`${encoding} is accepted, and a bomb of it takes no memory`, async (t) => {
    const server = await startTestServer({ set: ['server.receiveMemory=8MiB', 'server.maxMessageBytes=4MiB'] });
    t.after(() => server.close());
    const session = rawConnection(server.address);
    t.after(() => session.destroy());
    const send = (body: Buffer) => {
      const call = rawCall(session, INFER, { 'grpc-encoding': encoding });
      call.stream.end(framed(body, true));
      return call.ended;
    };
    assert.equal((await send(compress(inferMessage(pixels)))).status, Status.OK);
    const bomb = compress(Buffer.alloc(64 * MiB));
    assert.ok(bomb.length < MiB);
    const one = await send(bomb);
    assert.deepEqual([one.status, one.headers['headwater-error']], [Status.RESOURCE_EXHAUSTED, 'message_too_large']);
    // Each within the size of a message, together far above the budget.
    const within = compress(Buffer.alloc(4 * MiB - 100));
    const ends = await Promise.all(Array.from({ length: 20 }, () => send(within)));
    const codes = new Set(ends.map(({ headers }) => headers['headwater-error']));
    assert.ok(codes.has('memory_full'), [...codes].join());
    assert.equal((await send(Buffer.from('not compressed'))).headers['headwater-error'], 'message_malformed');
    assert.equal((await send(compress(inferMessage(pixels)))).status, Status.OK);
    await until('all of it is given back', async () => (await memory(server, 'receive')) === 0);
  });
}

test('health watches take small names only, and hold next to nothing', async (t) => {
  const server = await startTestServer({ set: ['server.receiveMemory=4MiB', 'server.maxMessageBytes=1MiB'] });
  t.after(() => server.close());
  const session = rawConnection(server.address);
  t.after(() => session.destroy());
  const watch = (message: Buffer, headers = {}) => {
    const call = rawCall(session, '/grpc.health.v1.Health/Watch', headers);
    call.stream.end(message);
    return call;
  };
  // `service` of 50,000 and of 1,000 bytes.
  const large = Buffer.concat([Buffer.from('0ad08603', 'hex'), Buffer.alloc(50_000, 'a')]);
  const small = Buffer.concat([Buffer.from('0ae807', 'hex'), Buffer.alloc(1_000, 'a')]);
  const compressed = watch(framed(gzipSync(large), true), { 'grpc-encoding': 'gzip' });
  for (const { ended } of [watch(framed(large)), compressed]) {
    const { headers } = await ended;
    assert.equal(headers['headwater-error'], 'message_too_large');
  }
  const open: RawCall[] = [];
  const openMore = async (count: number) => {
    for (const end = open.length + count; open.length < end; ) {
      open.push(...Array.from({ length: 10 }, () => watch(framed(small))));
      await until('all are answered', () => open.every(({ stream }) => stream.readableDidRead || stream.closed));
    }
  };
  await openMore(150);
  assert.ok(open.every(({ stream }) => !stream.closed));
  await until('they hold their metadata', async () => (await memory(server, 'receive')) === 150 * 16 * 1024);
  // More of them than there is memory for: another client is served all the same.
  await openMore(150);
  const other = fromElsewhere(server);
  t.after(() => other.destroy());
  const call = rawCall(other, INFER);
  call.stream.end(framed(inferMessage(pixels)));
  assert.equal((await call.ended).status, Status.OK);
});

test('an encoding that nobody knows is UNIMPLEMENTED', async (t) => {
  const server = await startTestServer();
  t.after(() => server.close());
  const session = rawConnection(server.address);
  t.after(() => session.destroy());
  const call = rawCall(session, INFER, { 'grpc-encoding': 'zstd' });
  call.stream.end(framed(Buffer.from('x'), true));
  assert.equal((await call.ended).status, Status.UNIMPLEMENTED);
});

test('answers are compressed when configured or asked for, and clients read them', async (t) => {
  const request = framed(inferMessage(embeddings(2000)));
  const answerOf = async (server: TestServer, headers: Record<string, string>, body = request) => {
    const session = rawConnection(server.address);
    const call = rawCall(session, INFER, headers, false);
    const chunks: Buffer[] = [];
    call.stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    call.stream.end(body);
    const { status, headers: got } = await call.ended;
    session.destroy();
    assert.equal(status, Status.OK);
    const whole = Buffer.concat(chunks);
    return { encoding: got['grpc-encoding'], compressed: whole[0] === 1, bytes: whole.length };
  };
  const accepts = { 'grpc-accept-encoding': 'identity,deflate,gzip' };
  const asking = { ...accepts, 'grpc-encoding': 'gzip' };

  const auto = await startTestServer({ set: LARGE_QUEUE });
  t.after(() => auto.close());
  const plain = await answerOf(auto, accepts);
  assert.deepEqual([plain.encoding, plain.compressed], ['identity', false]);
  const asked = await answerOf(auto, asking);
  assert.deepEqual([asked.encoding, asked.compressed], ['gzip', true]);
  assert.ok(asked.bytes < plain.bytes / 5, `${asked.bytes} of ${plain.bytes}`);

  const none = await startTestServer({ set: [...LARGE_QUEUE, 'server.compression=none'] });
  t.after(() => none.close());
  assert.equal((await answerOf(none, asking)).compressed, false);

  const always = await startTestServer({ set: [...LARGE_QUEUE, 'server.compression=gzip'] });
  t.after(() => always.close());
  assert.equal((await answerOf(always, accepts)).compressed, true);
  assert.equal((await answerOf(always, {})).compressed, false, 'a client that does not take it');
  const small = await answerOf(always, accepts, framed(inferMessage(embeddings(1))));
  assert.equal(small.compressed, false, 'gains nothing');
  // grpc-js's own client, unary and as a stream.
  const answer = await always.infer(embeddings(2000));
  assert.equal(answer.rawOutputContents[0]?.length, 24_000);
  const client = new inference.GRPCInferenceService(always.address, credentials.createInsecure());
  t.after(() => client.close());
  const stream = client.ModelStreamInfer();
  const sizes: (number | undefined)[] = [];
  stream.on('data', ({ inferResponse }) => sizes.push(inferResponse?.rawOutputContents[0]?.length));
  const ended = new Promise((resolve) => stream.on('end', resolve));
  for (const rows of [2000, 1, 1500]) stream.write(embeddings(rows));
  stream.end();
  await ended;
  assert.deepEqual(sizes, [24_000, 12, 18_000]);
});

test('clients that never take their answers: the memory of answers is bounded, the slowest is ended', async (t) => {
  const set = [...LARGE_QUEUE, 'server.sendMemory=4MiB'];
  const server = await startTestServer({ set });
  t.after(() => server.close());
  const request = framed(inferMessage(embeddings(100_000)));
  const session = rawConnection(server.address, { settings: { initialWindowSize: 1000 } });
  t.after(() => session.destroy());
  const ends: Promise<{ reset: number }>[] = [];
  for (let index = 0; index < 8; index++) {
    const call = rawCall(session, INFER, {}, false);
    call.stream.end(request);
    ends.push(call.ended);
  }
  const ended = await Promise.race(ends);
  assert.equal(ended.reset, 11, 'ENHANCE_YOUR_CALM');
  assert.ok((await memory(server, 'send')) <= 4 * MiB);
  assert.equal((await server.infer(pixels)).modelName, 'tiny');
  session.destroy();
  await until('all of it is given back', async () => (await memory(server, 'send')) === 0);
});

test('a start that clients could fill the memory of is refused, with the keys to change', () => {
  const config = (...set: string[]) => ({
    ...parseConfig('{}', { baseDir: '/nowhere', set: ['images.decoders=2', ...set] }),
    backbones: [{}, {}] as unknown as Config['backbones'],
  });
  const GiB = 2 ** 30;
  assert.equal(checkMemory(config(), 16 * GiB), undefined);
  const parts =
    'server\\.receiveMemory 3 GiB, server\\.sendMemory 128 MiB, server\\.queueBytes 256 MiB x 3, server\\.maxConnections 1024 x 144 KiB';
  assert.throws(() => checkMemory(config('server.receiveMemory=3GiB'), 4 * GiB), {
    name: 'StartError',
    message: new RegExp(`^clients could fill 4 GiB, more than 80 % of the memory here \\(4 GiB\\): lower ${parts}$`),
  });
  assert.throws(() => checkMemory(config('server.queueBytes=1GiB'), 4 * GiB), /server\.queueBytes 1 GiB x 3/);
  assert.throws(() => checkMemory(config('server.maxConnections=100000'), 4 * GiB), /server\.maxConnections 100000/);
  assert.throws(() => checkMemory(config('server.receiveMemory=100MiB'), 4 * GiB), {
    message: /^server\.receiveMemory: 100 MiB is less than two messages of server\.maxMessageBytes \(64 MiB\)/,
  });
});

test('what only hostile images, imports and a busy network add is a warning', () => {
  const GiB = 2 ** 30;
  const config = (...set: string[]) => parseConfig('{}', { baseDir: '/nowhere', set });
  const warning = checkMemory(config('images.decoders=2'), 2 * GiB);
  assert.match(
    String(warning),
    /^clients could fill 4\.1 GiB.* images\.decoders 2 x 533\.\d MiB \(images\.maxPixels\), limits\.headBytes 512 MiB x 2, server\.maxConnections 1024 x 1 MiB on its way$/,
  );
  const small = ['images.decoders=1', 'images.maxPixels=4000000', 'limits.headBytes=16MiB', 'server.maxConnections=64'];
  assert.equal(checkMemory(config(...small), 2 * GiB), undefined);
});
