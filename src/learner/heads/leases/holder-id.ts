import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LearningObserver } from '../../learning.js';
import { type DataDirectoryLock, type LockTiming, lockDataDirectory } from '../../nats/server/data-directory-lock.js';

/** Who a learner process is among the others. */
export interface HolderId {
  readonly id: string;
  release(): Promise<void>;
}

const FILE = 'holder';
const ID = /^[\w-]{16,64}$/;
/** A holder in another container of this host, or on another host, counts as dead after 4 s: a restart should not wait for long. */
const TIMING: LockTiming = { touchEveryMs: 1_000, staleAfterMs: 4_000 };

/**
 * The identity under which this process holds leases. It is kept in `dataDir`, so that a restart gets its own leases back at once; a lock sees to it that
 * two processes never have the same. Where the folder can't be used, or is in use, the process gets an identity for this life only.
 */
export async function openHolderId(dataDir: string, log: LearningObserver['log']): Promise<HolderId> {
  const folder = join(dataDir, 'learner');
  let lock: DataDirectoryLock | undefined;
  try {
    lock = await lockDataDirectory(folder, TIMING);
    const held = lock;
    return { id: await readOrMake(folder), release: () => held.release() };
  } catch (error) {
    await lock?.release();
    log('info', `this learner has no identity of its own that outlasts a restart: ${(error as Error).message}`);
    return { id: randomUUID(), release: async () => {} };
  }
}

async function readOrMake(folder: string): Promise<string> {
  const path = join(folder, FILE);
  const known = await readFile(path, 'utf8').catch(() => '');
  if (ID.test(known.trim())) return known.trim();
  const id = randomUUID();
  await mkdir(folder, { recursive: true });
  await writeFile(`${path}.new`, `${id}\n`);
  await rename(`${path}.new`, path);
  return id;
}
