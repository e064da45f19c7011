// Bytes on a connection to the gRPC port: frames in any order, of any length, or none at all.
import { connect } from 'node:net';
import type { ServiceError } from '@grpc/grpc-js';
import { startTestServer } from '../../test/support/test-server.js';
import { until } from '../../test/support/until.js';
import { interestingNumber, mutateBytes } from '../mutate/bytes.js';
import type { Random } from '../random.js';
import type { FuzzTarget } from '../target.js';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
/** How long a connection that neither end closes is kept. */
const KEPT_MS = 300;
/** Connections of those that run, at both ends, and of the client. */
const LEFT_OVER = 64;
const [DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION] = [0, 1, 2, 3, 4, 6, 8, 9];

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer<ArrayBuffer> {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** RFC 7541, 6.2.2: literal fields without indexing, names and values as they are. */
function fields(values: Readonly<Record<string, string>>): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.from([value.length & 0x7f]), Buffer.from(value)]);
  return Buffer.concat(Object.entries(values).flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

const call = (path: string) =>
  fields({
    ...{ ':method': 'POST', ':scheme': 'http', ':path': path, ':authority': 'localhost', te: 'trailers' },
    'content-type': 'application/grpc',
  });
const LIVE = call('/inference.GRPCInferenceService/ServerLive');
const STREAM = call('/inference.GRPCInferenceService/ModelStreamInfer');
const EMPTY = Buffer.alloc(5);

const SEEDS: readonly (readonly Buffer[])[] = [
  [
    frame(SETTINGS, 0, 0, Buffer.alloc(0)),
    frame(HEADERS, 4, 1, LIVE),
    frame(DATA, 1, 1, EMPTY),
    frame(PING, 0, 0, Buffer.alloc(8)),
  ],
  [
    frame(SETTINGS, 0, 0, Buffer.from([0, 4, 0, 0, 0, 10])),
    frame(HEADERS, 4, 1, STREAM),
    frame(WINDOW_UPDATE, 0, 1, Buffer.from([0, 0, 1, 0])),
    frame(DATA, 0, 1, EMPTY),
    frame(RST_STREAM, 0, 1, Buffer.from([0, 0, 0, 8])),
  ],
  [
    frame(SETTINGS, 0, 0, Buffer.alloc(0)),
    frame(HEADERS, 0, 3, LIVE.subarray(0, 20)),
    frame(CONTINUATION, 4, 3, LIVE.subarray(20)),
    frame(PRIORITY, 0, 3, Buffer.alloc(5)),
    frame(DATA, 1, 3, EMPTY),
  ],
];

export const http2: FuzzTarget = {
  name: 'http2',
  concurrency: 16,
  seeds: async () => SEEDS.map((frames) => Buffer.concat([PREFACE, ...frames])),
  mutate(random) {
    let frames = [...random.pick(SEEDS)];
    for (let turn = 1 + random.size(6); turn > 0; turn--) frames = changeFrames(random, frames);
    const bytes = Buffer.concat([random.chance(0.95) ? PREFACE : Buffer.alloc(0), ...frames]);
    return random.chance(0.2) ? mutateBytes(random, bytes) : bytes;
  },
  async open() {
    // Connections whose clients are gone, or break the protocol, end soon: none may be left over.
    const server = await startTestServer({
      set: ['server.handshakeTimeout=1s', 'server.keepaliveTime=1s', 'server.keepaliveTimeout=1s'],
    });
    const port = server.running.grpcPort!;
    return {
      run: (input) =>
        new Promise((resolve) => {
          const socket = connect(port, '127.0.0.1', () => socket.end(input));
          const timer = setTimeout(() => socket.destroy(), KEPT_MS);
          socket.resume();
          socket.on('error', () => {});
          socket.on('close', () => {
            clearTimeout(timer);
            resolve();
          });
        }),
      async check() {
        await until('connections end', () => openSockets() < LEFT_OVER, { timeoutMs: 30_000, state: openSockets });
        const { error } = await new Promise<{ error: ServiceError | null }>((resolve) => {
          server.inference.ServerLive({}, { deadline: Date.now() + 60_000 }, (error) => resolve({ error }));
        });
        if (error) throw error;
      },
      close: () => server.close(),
    };
  },
};

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
}

function changeFrames(random: Random, frames: readonly Buffer[]): Buffer[] {
  const changed = frames.map((one) => Buffer.from(one));
  const at = random.int(changed.length);
  const one = changed[at];
  if (one === undefined || one.length < 9) return [...SEEDS[0]!];
  switch (random.int(6)) {
    case 0:
      changed.splice(at, 1);
      break;
    case 1:
      for (let times = 1 + random.size(300); times > 0; times--) changed.splice(at, 0, one);
      break;
    case 2:
      one[3] = random.int(12);
      break;
    case 3:
      one[4] = random.int(256);
      break;
    case 4:
      if (random.chance(0.5)) one.writeUInt32BE(interestingNumber(random), 5);
      else one.writeUIntBE(random.int(2 ** 24), 0, 3);
      break;
    default:
      changed[at] = frame(one[3]!, one[4]!, one.readUInt32BE(5), mutateBytes(random, one.subarray(9)));
  }
  return changed;
}
