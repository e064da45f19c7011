// What connections and calls may be: how many, how large, how slow.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { credentials, Metadata, status as Status } from '@grpc/grpc-js';
import { inference } from '../../protos/index.js';
import { began, framed, INFER, inferMessage, rawCall, rawConnection, STREAM_INFER } from '../support/raw-grpc.js';
import { failure, startTestServer, type TestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

const pixels = {
  modelName: 'tiny',
  inputs: [{ name: 'pixels', datatype: 'UINT8', shape: [1, 4, 4, 3] }],
  rawInputContents: [Buffer.alloc(48, 3)],
};
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const EMPTY_SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

function socketTo({ address }: TestServer): Socket {
  const [host, port] = address.split(':') as [string, string];
  const socket = connect(Number(port), host);
  socket.on('error', () => {}).resume();
  return socket;
}

const closed = async (socket: Socket) => {
  if (!socket.closed) await once(socket, 'close');
};

async function gauge(server: TestServer, name: string): Promise<number> {
  const { body } = await server.get('/metrics');
  const line = body.split('\n').find((entry) => entry.startsWith(`${name} `));
  return Number(line?.slice(name.length));
}

test('connections above the limits are closed, and make room when they end', async (t) => {
  const server = await startTestServer({ set: ['server.maxConnectionsPerAddress=2'] });
  t.after(() => server.close());
  const first = rawConnection(server.address);
  const second = rawConnection(server.address);
  t.after(() => second.destroy());
  await Promise.all([once(first, 'remoteSettings'), once(second, 'remoteSettings')]);
  await closed(socketTo(server));
  assert.equal(await gauge(server, 'headwater_grpc_connections'), 2);
  assert.equal((await failure(server.infer(pixels))).code, Status.UNAVAILABLE);
  first.destroy();
  await until('the next one gets in', async () => {
    const answer = await server.infer(pixels).catch(() => undefined);
    return answer?.modelName === 'tiny';
  });
});

test('all connections together have a limit too', async (t) => {
  const server = await startTestServer({ set: ['server.maxConnections=1'] });
  t.after(() => server.close());
  const first = rawConnection(server.address);
  t.after(() => first.destroy());
  await once(first, 'remoteSettings');
  await closed(socketTo(server));
  assert.equal(await gauge(server, 'headwater_grpc_connections_limit'), 1);
});

test('a connection that does not begin, begins something else, or stops in the middle is closed', async (t) => {
  const set = ['server.handshakeTimeout=300ms', 'server.keepaliveTime=200ms', 'server.keepaliveTimeout=200ms'];
  const server = await startTestServer({ set });
  t.after(() => server.close());
  const silent = socketTo(server);
  const half = socketTo(server);
  half.write(PREFACE.slice(0, 10));
  const other = socketTo(server);
  other.write('GET / HTTP/1.1\r\nhost: here\r\n\r\n');
  // Begun, and then half a frame: it can't answer the ping that comes.
  const stuck = socketTo(server);
  stuck.write(Buffer.concat([Buffer.from(PREFACE), EMPTY_SETTINGS, Buffer.from([0, 0, 100, 1, 4, 0, 0, 0, 1, 0])]));
  await Promise.all([silent, half, other, stuck].map(closed));
  assert.equal((await server.infer(pixels)).modelName, 'tiny');
});

test('a client that answers pings stays connected', async (t) => {
  const set = ['server.keepaliveTime=100ms', 'server.keepaliveTimeout=5s'];
  const server = await startTestServer({ set });
  t.after(() => server.close());
  const session = rawConnection(server.address);
  t.after(() => session.destroy());
  let pings = 0;
  session.on('ping', () => pings++);
  await until('it was pinged', () => pings >= 3);
  assert.equal(session.closed, false);
});

test('a client that pings too often is told so and disconnected', async (t) => {
  const server = await startTestServer({ set: ['server.minPingInterval=1h'] });
  t.after(() => server.close());
  const session = rawConnection(server.address);
  // Not `once`, which fails with the error that the connection then ends with.
  const told = new Promise<[number, number, Uint8Array]>((resolve) => {
    session.on('goaway', (...got: [number, number, Uint8Array]) => resolve(got));
  });
  const ended = new Promise<void>((resolve) => session.on('close', resolve));
  await once(session, 'remoteSettings');
  for (let ping = 0; ping < 4; ping++) session.ping(() => {});
  const [code, , data] = await told;
  assert.equal(code, 11, 'ENHANCE_YOUR_CALM');
  assert.equal(Buffer.from(data).toString(), 'too_many_pings');
  await ended;
});

test('pings while answers come are free', async (t) => {
  const server = await startTestServer({ set: ['server.minPingInterval=1h'] });
  t.after(() => server.close());
  const session = rawConnection(server.address);
  t.after(() => session.destroy());
  let goaway = false;
  session.on('goaway', () => {
    goaway = true;
  });
  for (let round = 0; round < 6; round++) {
    const call = rawCall(session, INFER);
    call.stream.end(framed(inferMessage(pixels)));
    assert.equal((await call.ended).status, Status.OK);
    await new Promise<void>((resolve) => session.ping(() => resolve()));
  }
  assert.equal(goaway, false);
});

test('a connection is told to end at its age, an idle one when it is idle, and calls go on', async (t) => {
  const set = ['server.maxConnectionAge=300ms', 'server.maxConnectionAgeGrace=20s'];
  const server = await startTestServer({ set, backbone: { manual: true } });
  t.after(() => server.close());
  const session = rawConnection(server.address);
  t.after(() => session.destroy());
  const told = once(session, 'goaway');
  const call = rawCall(session, INFER);
  call.stream.end(framed(inferMessage(pixels)));
  const [code] = await told;
  assert.equal(code, 0);
  await until('the request is in work', () => server.backbone.batches.length > 0);
  await server.backbone.finish();
  assert.equal((await call.ended).status, Status.OK);

  const other = await startTestServer({ set: ['server.maxConnectionIdle=200ms'] });
  t.after(() => other.close());
  const idle = rawConnection(other.address);
  await once(idle, 'close');
});

test('1,000 calls on one connection: those above the limit are refused, others are served', async (t) => {
  const server = await startTestServer({ set: ['server.maxStreams=100'] });
  t.after(() => server.close());
  const session = rawConnection(server.address);
  t.after(() => session.destroy());
  await once(session, 'remoteSettings');
  assert.equal(session.remoteSettings.maxConcurrentStreams, 100);
  let refused = 0;
  for (let index = 0; index < 1000; index++) {
    const { ended } = rawCall(session, STREAM_INFER);
    void ended.then(() => refused++);
  }
  // nghttp2 as a client keeps to the limit by itself: what it holds back never arrives.
  await until('calls are open', async () => (await gauge(server, 'headwater_grpc_calls')) >= 100);
  assert.equal((await server.infer(pixels)).modelName, 'tiny');
  assert.ok((await gauge(server, 'headwater_grpc_calls')) <= 100, `${refused} were refused`);
});

test('1,000 calls of a client that ignores the limit end its connection or themselves', async (t) => {
  const server = await startTestServer({ set: ['server.maxStreams=100'] });
  t.after(() => server.close());
  const socket = socketTo(server);
  // A literal header block without any compression, one HEADERS frame a stream.
  const literal = (name: string, value: string) =>
    Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);
  const block = Buffer.concat([
    literal(':method', 'POST'),
    literal(':scheme', 'http'),
    literal(':path', STREAM_INFER),
    literal(':authority', 'x'),
    literal('content-type', 'application/grpc'),
  ]);
  const headers = (stream: number) => {
    const frame = Buffer.alloc(9);
    frame.writeUIntBE(block.length, 0, 3);
    frame.writeUInt8(1, 3);
    frame.writeUInt8(4, 4);
    frame.writeUInt32BE(stream, 5);
    return Buffer.concat([frame, block]);
  };
  socket.write(Buffer.concat([Buffer.from(PREFACE), EMPTY_SETTINGS]));
  for (let index = 0; index < 1000; index++) socket.write(headers(2 * index + 1));
  await until('some calls are open, or it is over', async () => {
    return socket.closed || (await gauge(server, 'headwater_grpc_calls')) > 0;
  });
  assert.equal((await server.infer(pixels)).modelName, 'tiny');
  assert.ok((await gauge(server, 'headwater_grpc_calls')) <= 101);
  socket.destroy();
  await until('nothing is left of them', async () => (await gauge(server, 'headwater_grpc_calls')) === 0);
});

test('metadata above the limit is refused, below it is not', async (t) => {
  const server = await startTestServer({ set: ['server.maxMetadataBytes=2KiB'] });
  t.after(() => server.close());
  const client = new inference.GRPCInferenceService(server.address, credentials.createInsecure());
  t.after(() => client.close());
  const live = (bytes: number) =>
    new Promise<number>((resolve) => {
      const metadata = new Metadata();
      metadata.set('x-large', 'x'.repeat(bytes));
      client.ServerLive({}, metadata, (error) => resolve(error?.code ?? Status.OK));
    });
  assert.equal(await live(500), Status.OK);
  assert.notEqual(await live(5000), Status.OK);
  assert.equal(await live(500), Status.OK);
});

test('a message that stops in the middle, or never begins, ends with DEADLINE_EXCEEDED', async (t) => {
  const server = await startTestServer({ set: ['server.stallTimeout=300ms'] });
  t.after(() => server.close());
  const session = rawConnection(server.address);
  t.after(() => session.destroy());
  const half = rawCall(session, INFER);
  half.stream.write(began(1000, Buffer.alloc(100)));
  const empty = rawCall(session, INFER);
  const inStream = rawCall(session, STREAM_INFER);
  inStream.stream.write(began(1000, Buffer.alloc(100)));
  const idle = rawCall(session, STREAM_INFER);
  for (const call of [half, empty, inStream]) {
    const ended = await call.ended;
    assert.equal(ended.status, Status.DEADLINE_EXCEEDED);
    assert.match(ended.message, /\(server\.stallTimeout\)$/);
  }
  assert.equal(idle.stream.closed, false, 'a stream may be idle');
});

test('a message that claims 4 GB is refused at once', async (t) => {
  const server = await startTestServer();
  t.after(() => server.close());
  const session = rawConnection(server.address);
  t.after(() => session.destroy());
  const call = rawCall(session, INFER);
  call.stream.write(began(2 ** 32 - 1, Buffer.alloc(100)));
  const { status, headers } = await call.ended;
  assert.deepEqual([status, headers['headwater-error']], [Status.RESOURCE_EXHAUSTED, 'message_too_large']);
});

test('calls of methods and content types that do not exist hold nothing', async (t) => {
  const server = await startTestServer();
  t.after(() => server.close());
  const session = rawConnection(server.address);
  t.after(() => session.destroy());
  const calls = [rawCall(session, '/no.Such/Method'), rawCall(session, INFER, { 'content-type': 'text/plain' })];
  for (const { stream } of calls) stream.write(Buffer.alloc(40_000));
  const [unknown, wrong] = await Promise.all(calls.map(({ ended }) => ended));
  assert.equal(unknown?.status, Status.UNIMPLEMENTED);
  assert.equal(wrong?.headers[':status'], 415);
});

test('windows let large requests come beside many small ones', async (t) => {
  const server = await startTestServer();
  t.after(() => server.close());
  const session = rawConnection(server.address);
  t.after(() => session.destroy());
  const windowOfStream = once(session, 'remoteSettings').then(([{ initialWindowSize }]) => initialWindowSize);
  assert.equal(await windowOfStream, 256 * 1024);
  // What this side may send before the server says more.
  await until('the window of the connection is told', () => session.state.remoteWindowSize === 2 ** 20);
});
