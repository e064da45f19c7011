import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What `nats.json` in the data directory says: how to reach the embedded server. */
export interface ServerCredentials {
  /** With user and password inside. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** null while it does not run. */
  readonly pid: number | null;
}

export const EMBEDDED_HOST = '127.0.0.1';
const USER = 'headwater';
/** A sample is an image or an embedding in JSON: nats-server's own default of 1 MiB is too small for both. */
export const MAX_PAYLOAD = 8 * 2 ** 20;
/** nats-server starts another file then; `pruneLogs` removes the older ones. */
const LOG_FILE_BYTES = 8 * 2 ** 20;

export interface ServerFiles {
  readonly directory: string;
  readonly config: string;
  readonly log: string;
  /** What it prints before it logs, and when it panics. */
  readonly output: string;
  readonly store: string;
  readonly credentials: string;
}

export function serverFiles(dataDir: string): ServerFiles {
  const directory = join(dataDir, 'nats');
  return {
    directory,
    config: join(directory, 'nats-server.conf'),
    log: join(directory, 'nats-server.log'),
    output: join(directory, 'nats-server.out'),
    store: join(directory, 'jetstream'),
    credentials: join(dataDir, 'nats.json'),
  };
}

export function makeCredentials(password: string, port: number, pid: number | null): ServerCredentials {
  const url = `nats://${USER}:${password}@${EMBEDDED_HOST}:${port}`;
  return { url, host: EMBEDDED_HOST, port, user: USER, password, pid };
}

export function newPassword(): string {
  return randomBytes(24).toString('base64url');
}

/** nats-server's configuration: reachable from this machine only, and only with the password. */
export function serverConfig(files: ServerFiles, credentials: ServerCredentials, maxFileStore: number): string {
  // Its quoted strings have JSON's escapes for what can occur in a path.
  const text = JSON.stringify;
  return `# Written by Headwater at every start: changes are lost.
server_name: "headwater-embedded"
listen: "${credentials.host}:${credentials.port}"
max_payload: ${MAX_PAYLOAD}
log_file: ${text(files.log)}
logfile_size_limit: ${LOG_FILE_BYTES}
authorization { user: ${text(credentials.user)}, password: ${text(credentials.password)} }
jetstream { store_dir: ${text(files.store)}, max_memory_store: ${64 * 2 ** 20}, max_file_store: ${maxFileStore} }
`;
}

/** What the last start wrote; undefined when there is none that can be used. */
export async function readCredentials(path: string): Promise<ServerCredentials | undefined> {
  try {
    const found = JSON.parse(await readFile(path, 'utf8')) as ServerCredentials;
    const usable =
      /^[\w-]{16,}$/.test(found.password) && Number.isInteger(found.port) && found.port > 0 && found.port < 65536;
    return usable ? found : undefined;
  } catch {
    return undefined;
  }
}

/** Replaces the file in one step, readable by its owner only. */
export async function writePrivately(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, path);
}
