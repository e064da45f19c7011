import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

/** The package's root: the nearest folder upward that holds package.json (this file runs from src's build folder). */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) {
      throw new Error(`no package.json above ${fileURLToPath(import.meta.url)}: the installation is incomplete`);
    }
    folder = parent;
  }
  return folder;
}

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
