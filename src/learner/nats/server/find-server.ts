import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../package-root.js';
import { LearnerError } from '../../types.js';

const run = promisify(execFile);

/** Debian's: older ones lack what the streams are made with. */
export const OLDEST_SERVER_VERSION = '2.9.10';

export interface ServerBinary {
  readonly path: string;
  readonly version: string;
}

/**
 * The nats-server to run: the one configured, else `.tools/bin/nats-server` of this package, else the one on PATH.
 * @param configured the configuration's `nats.serverBinary`; without a slash it is looked for on PATH.
 * @throws LearnerError nats_setup when there is none, it doesn't run, or it is older than 2.9.10.
 */
export async function findServerBinary(configured: string | null): Promise<ServerBinary> {
  const path = configured === null ? await search() : configured.includes('/') ? resolve(configured) : configured;
  const version = await serverVersion(path, configured !== null);
  if (compareVersions(version, OLDEST_SERVER_VERSION) < 0) {
    throw new LearnerError(
      'nats_setup',
      `${path} is version ${version}, but Headwater needs ${OLDEST_SERVER_VERSION} or newer; ${HOW_TO_GET_IT}`,
    );
  }
  return { path, version };
}

const HOW_TO_GET_IT =
  'install one (`apt install nats-server`, `brew install nats-server` or https://github.com/nats-io/nats-server/releases), ' +
  'name it with nats.serverBinary, or point nats.url at a running server';

async function search(): Promise<string> {
  const folders = [join(packageRoot(), '.tools', 'bin'), ...(process.env.PATH ?? '').split(delimiter)];
  // Debian installs it where the PATH of ordinary users does not look.
  for (const folder of [...folders, '/usr/sbin', '/usr/local/sbin', '/sbin']) {
    const path = join(folder, 'nats-server');
    if (folder !== '' && (await isExecutable(path))) return resolve(path);
  }
  throw new LearnerError('nats_setup', `there is no nats-server in .tools/bin or on PATH; ${HOW_TO_GET_IT}`);
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function serverVersion(path: string, configured: boolean): Promise<string> {
  const named = configured ? `nats.serverBinary ${path}` : path;
  const output = await run(path, ['--version'], { timeout: 20_000 }).catch((error: Error) => {
    throw new LearnerError('nats_setup', `${named} does not run (${error.message.trim()}); ${HOW_TO_GET_IT}`);
  });
  const version = parseServerVersion(output.stdout);
  if (version === undefined) {
    throw new LearnerError(
      'nats_setup',
      `${named} is not a nats-server: it says ${JSON.stringify(output.stdout.slice(0, 80))}`,
    );
  }
  return version;
}

/** From what `nats-server --version` prints, such as `nats-server: v2.9.10`. */
export function parseServerVersion(output: string): string | undefined {
  return /nats-server:?\s+v?(\d+\.\d+\.\d+)/.exec(output)?.[1];
}

/** Negative when `a` is older than `b`; both as `1.2.3`. */
export function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
