import { join } from 'node:path';
import protobuf from 'protobufjs';
import { packageRoot } from '../package-root.js';

let root: protobuf.Root | undefined;

/** A message type of protos/headwater/storage/v1/storage.proto, which is read once, at the first use. */
export function storageType(name: 'LogEntry' | 'ServedRecord'): protobuf.Type {
  root ??= protobuf.loadSync(join(packageRoot(), 'protos/headwater/storage/v1/storage.proto'));
  return root.lookupType(`headwater.storage.v1.${name}`);
}

/** A decoded uint64 (protobufjs gives an object where 53 bits may not do): positions and versions stay far below that. */
export function toNumber(value: unknown): number {
  return typeof value === 'number' ? value : (value as { toNumber(): number }).toNumber();
}
