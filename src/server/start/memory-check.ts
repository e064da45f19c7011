// Whether what clients can make the server hold fits into the machine: told at start, not by the kernel under load.
import { totalmem } from 'node:os';
import type { Config } from '../config/index.js';
import { CONNECTION_WINDOW_BYTES } from '../grpc/transport/connections.js';
import { withDefaults } from '../images/limits.js';
import { StartError } from '../start-error.js';

/** Heads on their way in or out as files, at once: each is held in memory as a whole. */
export const MAX_TRANSFERS = 2;

/** What a connection takes beside its calls: HTTP/2 and TLS state, header tables, socket buffers. */
const CONNECTION_BYTES = 128 * 1024;
/** Part of the memory that clients may fill: models and the process itself need some too. */
const SHARE = 0.8;

/** Memory of this process: the machine's, or less in a container. */
export function availableMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** What is on its way on a connection, in the kernel's buffers while the process is busy. */
const ON_THE_WAY_BYTES = CONNECTION_WINDOW_BYTES;
/** A decoder process before it decodes anything, and what the worst image needs a pixel: three channels, and a progressive JPEG's coefficients. */
const DECODER_BYTES = 64 * 2 ** 20;
const DECODING_BYTES_PER_PIXEL = 9;

type MemoryConfig = Pick<Config, 'server' | 'backbones' | 'images' | 'limits'>;

/** A part of the sum, as the keys that change it. */
interface Part {
  readonly bytes: number;
  readonly keys: string;
}

/**
 * Checks the largest sum that clients can reach. What any client can fill must fit. What takes hostile images, an administrator's imports
 * or the whole network besides is told only: a machine that had room for all of it at once would stand idle.
 * @param available bytes
 * @returns a warning, if there is one
 * @throws StartError that names the keys to change
 */
export function checkMemory(config: MemoryConfig, available: number): string | undefined {
  const { maxMessageBytes, receiveMemory } = config.server;
  if (receiveMemory < 2 * maxMessageBytes) {
    const message = `${size(receiveMemory)} is less than two messages of server.maxMessageBytes (${size(maxMessageBytes)})`;
    throw new StartError(`server.receiveMemory: ${message}: raise it, or lower server.maxMessageBytes`);
  }
  const always = anyClientFills(config);
  const refusal = tooMuch(always, available);
  if (refusal !== undefined) throw new StartError(refusal);
  return tooMuch([...always, ...worstCase(config)], available);
}

function anyClientFills({ server, backbones }: MemoryConfig): Part[] {
  const connection = CONNECTION_BYTES + server.maxMetadataBytes;
  // One for each backbone, and one for requests that bring embeddings.
  const queues = backbones.length + 1;
  return [
    { bytes: server.receiveMemory, keys: `server.receiveMemory ${size(server.receiveMemory)}` },
    { bytes: server.sendMemory, keys: `server.sendMemory ${size(server.sendMemory)}` },
    { bytes: server.queueBytes * queues, keys: `server.queueBytes ${size(server.queueBytes)} x ${queues}` },
    {
      bytes: server.maxConnections * connection,
      keys: `server.maxConnections ${server.maxConnections} x ${size(connection)}`,
    },
  ];
}

function worstCase({ server, images, limits }: MemoryConfig): Part[] {
  const { decoders, maxPixels, maxBytes, maxMemory } = withDefaults(images);
  const decoder = Math.min(maxMemory, DECODER_BYTES + 2 * maxBytes + DECODING_BYTES_PER_PIXEL * maxPixels);
  return [
    { bytes: decoders * decoder, keys: `images.decoders ${decoders} x ${size(decoder)} (images.maxPixels)` },
    { bytes: MAX_TRANSFERS * limits.headBytes, keys: `limits.headBytes ${size(limits.headBytes)} x ${MAX_TRANSFERS}` },
    {
      bytes: server.maxConnections * ON_THE_WAY_BYTES,
      keys: `server.maxConnections ${server.maxConnections} x ${size(ON_THE_WAY_BYTES)} on its way`,
    },
  ];
}

function tooMuch(parts: readonly Part[], available: number): string | undefined {
  const sum = parts.reduce((total, { bytes }) => total + bytes, 0);
  if (sum <= available * SHARE) return undefined;
  const limit = `${Math.round(SHARE * 100)} % of the memory here (${size(available)})`;
  return `clients could fill ${size(sum)}, more than ${limit}: lower ${parts.map(({ keys }) => keys).join(', ')}`;
}

function size(bytes: number): string {
  for (const [unit, factor] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const) {
    if (bytes >= factor) return `${Number((bytes / factor).toFixed(1))} ${unit}`;
  }
  return `${bytes} bytes`;
}
