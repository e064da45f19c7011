import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Options } from '@grpc/proto-loader';

/** The folder that holds the .proto files, from the sources as well as from `dist/`. */
function protoFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return join(folder, 'protos');
}

export const PROTO_FILES = ['inference/grpc_service.proto', 'headwater/v1/learning.proto'];

/** Field names are camelCase, 64-bit integers numbers: as the generated types were made. */
export const LOAD_OPTIONS: Options = {
  includeDirs: [protoFolder()],
  keepCase: false,
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
};
