// Whether what clients can make the server hold fits into the machine: told at start, not by the kernel under load.
import { totalmem } from 'node:os';
import type { Config } from '../config/index.js';
import { StartError } from '../start-error.js';

/** What a connection takes beside its calls: HTTP/2 and TLS state, header tables, socket buffers. */
const CONNECTION_BYTES = 128 * 1024;
/** Part of the memory that clients may fill: models and the process itself need some too. */
const SHARE = 0.8;

/** Memory of this process: the machine's, or less in a container. */
export function availableMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/**
 * Checks the largest sum that clients can reach: connections, requests and answers each have a limit of their own.
 * @param available bytes
 * @throws StartError that names the keys to change
 */
export function checkMemory(settings: Config['server'], available: number): void {
  const { maxConnections, maxMessageBytes, maxMetadataBytes, receiveMemory, sendMemory } = settings;
  if (receiveMemory < 2 * maxMessageBytes) {
    const message = `${size(receiveMemory)} is less than two messages of server.maxMessageBytes (${size(maxMessageBytes)})`;
    throw new StartError(`server.receiveMemory: ${message}: raise it, or lower server.maxMessageBytes`);
  }
  const connections = maxConnections * (CONNECTION_BYTES + maxMetadataBytes);
  const sum = connections + receiveMemory + sendMemory;
  if (sum <= available * SHARE) return;
  const parts = [
    `server.receiveMemory ${size(receiveMemory)}`,
    `server.sendMemory ${size(sendMemory)}`,
    `server.maxConnections ${maxConnections} x ${size(CONNECTION_BYTES + maxMetadataBytes)}`,
  ];
  const limit = `${Math.round(SHARE * 100)} % of the memory here (${size(available)})`;
  throw new StartError(`clients could fill ${size(sum)}, more than ${limit}: lower ${parts.join(', ')}`);
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
