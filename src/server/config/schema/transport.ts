// What clients may make the server hold, and for how long: the keys of `server` about connections, streams and messages.
import { bytes, choice, duration, flag, integer } from '../fields.js';

const off = '0ms: never';

export const transport = {
  maxConnections: integer(1, 100_000).default(1024).describe('gRPC connections at once; more are closed at once'),
  maxConnectionsPerAddress: integer(1, 100_000).default(512).describe('gRPC connections of one address at once'),
  maxStreams: integer(1, 100_000).default(1024).describe('calls of one connection at once; clients let more wait'),
  maxMetadataBytes: bytes('1KiB', '1MiB').prefault('16KiB').describe('largest metadata of a call'),
  receiveMemory: bytes('1MiB', '1TiB')
    .prefault('512MiB')
    .describe(
      'memory of all requests together, from their first byte to their answer; an open call counts 64KiB (256KiB with a stream of requests) and maxMetadataBytes',
    ),
  sendMemory: bytes('1MiB', '1TiB')
    .prefault('128MiB')
    .describe('memory of all answers that their clients have not taken yet'),
  handshakeTimeout: duration('100ms', '10m')
    .prefault('10s')
    .describe('how long a new connection may take to begin HTTP/2 (TLS included)'),
  stallTimeout: duration('100ms', '1h')
    .prefault('30s')
    .describe('how long next to nothing of a message may come, or of an answer be taken: less than 16KiB a second'),
  keepaliveTime: duration('100ms', '24h').prefault('60s').describe('a connection is pinged this often'),
  keepaliveTimeout: duration('100ms', '10m').prefault('20s').describe('a ping unanswered for so long ends it'),
  minPingInterval: duration('0ms', '1h')
    .prefault('10s')
    .describe('clients that ping more often without getting data are disconnected; 0ms: they may'),
  maxConnectionAge: duration('0ms', '24h')
    .prefault('0ms')
    .describe(`a connection is told to end (GOAWAY) at this age, so that clients spread over new replicas; ${off}`),
  maxConnectionAgeGrace: duration('0ms', '24h')
    .prefault('60s')
    .describe('what its calls may take after that; 0ms: as long as they want'),
  maxConnectionIdle: duration('0ms', '24h')
    .prefault('30m')
    .describe(`a connection without a call is told to end after this; ${off}`),
  compression: choice(['auto', 'none', 'gzip'])
    .default('auto')
    .describe('of answers, for clients that take gzip; auto: to those that compress their requests with it'),
  drainDelay: duration('0ms', '10m')
    .prefault('5s')
    .describe(
      'after SIGTERM the process is not ready, but takes new requests for so long: balancers need time to see it',
    ),
  drainTimeout: duration('0ms', '10m')
    .prefault('20s')
    .describe('how long a stop waits for accepted requests, after drainDelay'),
  warmUp: flag().default(true).describe('whether each backbone runs some batches before the process is ready'),
};
