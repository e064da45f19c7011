import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { chmod, mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
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

export type FoundCredentials =
  | { readonly kind: 'none' }
  | { readonly kind: 'usable'; readonly credentials: ServerCredentials }
  /** Somebody else may have read the password, or have written the file: it needs a new one. */
  | { readonly kind: 'exposed'; readonly credentials: ServerCredentials; readonly why: string };

/** What the last start wrote, if it can be used. */
export async function findCredentials(path: string): Promise<FoundCredentials> {
  let found: ServerCredentials;
  let why: string | undefined;
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      found = JSON.parse(await file.readFile('utf8')) as ServerCredentials;
      why = exposure(await file.stat());
    } finally {
      await file.close();
    }
  } catch {
    return { kind: 'none' };
  }
  const usable =
    /^[\w-]{16,}$/.test(found.password) && Number.isInteger(found.port) && found.port > 0 && found.port < 65536;
  if (!usable) return { kind: 'none' };
  return why === undefined ? { kind: 'usable', credentials: found } : { kind: 'exposed', credentials: found, why };
}

/** What a client of this data directory connects with; undefined when there is nothing that can be used. */
export async function readCredentials(path: string): Promise<ServerCredentials | undefined> {
  const found = await findCredentials(path);
  return found.kind === 'none' ? undefined : found.credentials;
}

function exposure({ mode, uid }: Stats): string | undefined {
  if (process.platform === 'win32') return undefined;
  const self = process.getuid?.();
  if (self !== undefined && uid !== self && uid !== 0) return `belongs to user ${uid}`;
  return (mode & 0o077) === 0 ? undefined : `could be read by others (mode ${(mode & 0o777).toString(8)})`;
}

/**
 * Replaces the file in one step, readable by its owner only, whatever was there before. What a killed process, or somebody else, left
 * under the temporary name is removed and never written into.
 */
export async function writePrivately(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  await rm(temporary, { force: true });
  await writeFile(temporary, text, { mode: 0o600, flag: 'wx' });
  await rename(temporary, path);
}

/** Makes the folder, or closes it to strangers when it is there. Its group may share it: volumes in Kubernetes are given to a group. */
export async function makePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o750 });
  const { mode } = await stat(path);
  // Not ours to change: what is secret in it has a mode of its own.
  if ((mode & 0o007) !== 0) await chmod(path, mode & 0o770).catch(() => {});
}
