// A process of its own that behaves badly, as HTTP/2 below gRPC: only so can a client promise a message and not send it, or take answers
// byte by byte. What the server does to it (refusals, closed connections) is counted and otherwise of no interest.
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { inference } from '../../protos/index.js';
import type { SlowClients } from '../scenarios/scenario.js';

export interface SlowSetting extends SlowClients {
  readonly server: string;
  /** A head, and the length of its embeddings: a request that costs the server little. */
  readonly head: string;
  readonly dimensions: number;
}

/** `begin` is answered once all are there; `end` with what became of them. */
export type SlowMessage = { readonly begin: SlowSetting } | { readonly end: true };

export interface SlowCount {
  readonly opened: number;
  readonly refused: number;
}

const service = inference.GRPCInferenceService.service;
/** Messages that a client sends without reading an answer: more than any window holds. */
const UNREAD_REQUESTS = 200;
const SETTLE_MS = 1000;
/** To the server they are another client than the good ones. */
const FROM = '127.0.0.9';

const sessions: ClientHttp2Session[] = [];
const sockets: Socket[] = [];
const counts = { opened: 0, refused: 0 };

async function begin(setting: SlowSetting): Promise<void> {
  const message = framed(requestOf(setting));
  const repeat = (count: number, work: () => void) => Array.from({ length: count }, work);
  repeat(setting.neverRead, () => {
    const stream = open(session(setting.server, { initialWindowSize: 0 }), service.ModelStreamInfer.path);
    stream.pause();
    for (let sent = 0; sent < UNREAD_REQUESTS; sent++) stream.write(message);
  });
  repeat(setting.halfMessages, () => {
    const stream = open(session(setting.server), service.ModelInfer.path);
    const half = Buffer.alloc(1005);
    half.writeUInt32BE(1_000_000, 1);
    stream.write(half);
  });
  repeat(setting.tinyWindows, () => {
    const stream = open(session(setting.server, { initialWindowSize: 1 }), service.ModelStreamInfer.path);
    for (let sent = 0; sent < 4; sent++) stream.write(message);
    stream.on('data', () => {});
  });
  if (setting.streams > 0) {
    const one = session(setting.server);
    repeat(setting.streams, () => open(one, service.ModelStreamInfer.path));
  }
  repeat(setting.silent, () => {
    sockets.push(tcp(setting.server));
  });
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
}

function end(): SlowCount {
  for (const one of sessions) one.destroy();
  for (const one of sockets) one.destroy();
  return { ...counts };
}

function tcp(server: string): Socket {
  const [host = '', port = ''] = server.split(':');
  return connectTcp({ host, port: Number(port), localAddress: FROM }).on('error', () => {});
}

function session(server: string, settings = {}): ClientHttp2Session {
  const one = connect(`http://${server}`, { settings, createConnection: () => tcp(server) });
  one.on('error', () => {});
  sessions.push(one);
  return one;
}

function open(one: ClientHttp2Session, path: string): ClientHttp2Stream {
  const stream = one.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  counts.opened++;
  stream.on('error', () => {
    counts.refused++;
  });
  return stream;
}

function requestOf({ head, dimensions }: SlowSetting): Buffer {
  const embedding = Buffer.from(new Float32Array(dimensions).fill(0.5).buffer);
  return service.ModelInfer.requestSerialize({
    modelName: head,
    inputs: [{ name: 'embedding', datatype: 'FP32', shape: [1, dimensions] }],
    outputs: [{ name: 'embedding' }],
    rawInputContents: [embedding],
  });
}

/** gRPC's prefix: not compressed, and the length. */
function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

process.on('message', (message: SlowMessage) => {
  const done: Promise<object> = 'begin' in message ? begin(message.begin).then(() => ({})) : Promise.resolve(end());
  done.then(
    (answer) => process.send?.(answer),
    (error: Error) => process.send?.({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit(0));
