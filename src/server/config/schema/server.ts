// The process itself: where it listens, what it takes at once, what it logs.
import { z } from 'zod';
import { bytes, choice, duration, integer, real, text } from '../fields.js';
import { transport } from './transport.js';

const port = (what: string, preset: number) =>
  integer(0, 65535).default(preset).describe(`${what}; 0 takes any free port`);

export const server = z.strictObject({
  host: text('an address to listen on, such as 127.0.0.1 or 0.0.0.0')
    .default('127.0.0.1')
    .describe('address that gRPC and HTTP listen on; 0.0.0.0 for all'),
  grpcPort: port('port of gRPC', 8001),
  httpPort: port('port of /metrics, /livez and /readyz', 8002),
  maxMessageBytes: bytes('64KiB', '2GiB').prefault('64MiB').describe('largest gRPC message that is received'),
  queueLimit: integer(1, 1_000_000)
    .default(512)
    .describe('images a backbone holds (being decoded or waiting); more are refused with RESOURCE_EXHAUSTED'),
  queueBytes: bytes('32MiB', '1TiB').prefault('256MiB').describe('bytes that those images take, at most'),
  clientShare: real(0, 1, true)
    .default(0.5)
    .describe("part of a backbone's queue that one client may fill when it is alone; less as the queue fills; 1: all"),
  maxConcurrentRequests: integer(1, 1_000_000).default(4096).describe('inference requests in progress at once'),
  streamWindow: integer(1, 1024).default(16).describe('requests of one stream in progress before it is read on'),
  ...transport,
});

export const images = z.strictObject({
  maxBytes: bytes('1KiB', '1GiB').prefault('20MiB').describe('largest encoded image'),
  maxPixels: integer(1, 1_000_000_000).default(50_000_000).describe('largest image, in pixels'),
  maxSide: integer(1, 65_535).default(16_384).describe('largest width and height of an image, in pixels'),
  decoders: integer(0, 256)
    .default(0)
    .describe(
      'images decoded at once, each by a process of its own; 0: one a core, or as many as a container pays for',
    ),
  timeout: duration('100ms', '10m').prefault('10s').describe('how long decoding an image may take; it is stopped then'),
  maxMemory: bytes('256MiB', '64GiB').prefault('2GiB').describe('most memory of a decoder process (Linux)'),
  isolation: choice(['process', 'none'])
    .default('process')
    .describe('process: a damaged image can end a decoder, never the service; none: decoded in the service itself'),
});

export const limits = z.strictObject({
  heads: integer(1, 10_000).default(2000).describe('heads that can exist'),
  headBytes: bytes('1MiB', '2GiB').prefault('512MiB').describe('largest file of an exported head that is imported'),
});

export const log = z.strictObject({
  level: choice(['trace', 'debug', 'info', 'warn', 'error']).default('info').describe('what is logged (stderr)'),
  requests: choice(['none', 'errors', 'all'])
    .default('errors')
    .describe('which inference requests get a line each; errors: those that failed, one a second of each code'),
});
