import { createHash, randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LearnerError } from '../../types.js';
import { type ProcessSpace, processSpace, processStartTime } from './processes.js';

// One process a data directory. The lock is the file `headwater.lock`, whose content says who holds it. It is only ever
// made whole (link() of a finished file), so nobody reads half of it.
//
// A dead owner's lock is taken over by *claiming* it: link() to `headwater.lock.after.<its token>`, which one taker can do.
// So the true owner is the end of a chain: the lock, who claimed it, who claimed that one (a taker may die too). Then the
// claimant renames its file over the lock and removes the claims. A slow taker may still claim a token after that; it
// looks whether the chain leads to itself before it believes so. Tokens are never used twice, hence the chain can't come back.

export interface DataDirectoryLock {
  release(): Promise<void>;
}

export interface LockTiming {
  /** The owner touches the lock so often. */
  readonly touchEveryMs: number;
  /** An owner whose processes we can't see counts as alive until its lock was untouched for so long. */
  readonly staleAfterMs: number;
}

interface Owner extends ProcessSpace {
  readonly token: string;
  readonly pid: number;
  /** As `processStartTime` says it. */
  readonly startTime: string;
}

const LOCK = 'headwater.lock';
const CLAIM = `${LOCK}.after.`;
const TEMPORARY = `${LOCK}.new.`;
const TIMING: LockTiming = { touchEveryMs: 5_000, staleAfterMs: 20_000 };

/**
 * Locks a data directory for this process, making the directory when it is absent. A dead owner's lock is taken over: at
 * once when it died on this host, else after 20 s without a sign of life (which this call waits for).
 * @throws LearnerError data_directory_in_use when its owner lives.
 */
export async function lockDataDirectory(directory: string, timing: LockTiming = TIMING): Promise<DataDirectoryLock> {
  const space = await processSpace();
  const owner: Owner = {
    token: randomUUID(),
    pid: process.pid,
    startTime: (await processStartTime(process.pid)) ?? '',
    ...space,
  };
  const own = join(directory, `${TEMPORARY}${owner.token}`);
  try {
    await mkdir(directory, { recursive: true });
    await acquire(directory, own, owner, timing);
    await rm(own, { force: true });
    await removeLeftovers(directory, owner.token);
    return await hold(directory, owner, timing);
  } catch (error) {
    await rm(own, { force: true }).catch(() => {});
    if (error instanceof LearnerError) throw error;
    throw new LearnerError(
      'nats_setup',
      `the data directory ${directory} can't be locked: ${(error as Error).message}; ` +
        'dataDir must be a folder that we may write to, on a file system with hard links',
      { cause: error },
    );
  }
}

async function acquire(directory: string, own: string, owner: Owner, timing: LockTiming): Promise<void> {
  const lock = join(directory, LOCK);
  let suspect: { token: string; mtimeMs: number } | undefined;
  for (;;) {
    // Written anew each round: a new owner clears away what looks left over, and its time is the file system's own clock.
    await writeFile(own, `${JSON.stringify(owner)}\n`);
    const chain = await readChain(directory);
    const holder = chain.at(-1);
    if (holder === undefined) {
      if (await linkIfAbsent(own, lock)) return;
      continue;
    }
    const life = await signOfLife(holder, owner);
    const idleMs = (await stat(own).catch(() => ({ mtimeMs: holder.mtimeMs }))).mtimeMs - holder.mtimeMs;
    const touched = suspect?.token === holder.owner.token && suspect.mtimeMs !== holder.mtimeMs;
    if (life === 'alive' || (life === 'unseen' && touched)) throw inUse(directory, holder.owner);
    if (life === 'unseen' && idleMs < timing.staleAfterMs) {
      suspect = { token: holder.owner.token, mtimeMs: holder.mtimeMs };
      await delay(timing.touchEveryMs / 10);
      continue;
    }
    const claim = claimPath(directory, holder.owner.token);
    if (!(await linkIfAbsent(own, claim))) continue;
    const now = await readChain(directory);
    if (now.at(-1)?.owner.token !== owner.token) {
      await rm(claim, { force: true });
      continue;
    }
    await rename(claim, lock);
    for (const link of chain) await rm(claimPath(directory, link.owner.token), { force: true });
    return;
  }
}

interface ChainLink {
  readonly owner: Owner;
  readonly mtimeMs: number;
}

/** The lock's owner, whoever claimed it after that owner, and so on; empty when there is no lock. */
async function readChain(directory: string): Promise<ChainLink[]> {
  const chain: ChainLink[] = [];
  let path = join(directory, LOCK);
  for (;;) {
    const found = await readOwner(path);
    if (found === undefined) return chain;
    chain.push(found);
    path = claimPath(directory, found.owner.token);
  }
}

async function readOwner(path: string): Promise<ChainLink | undefined> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    return { owner: parseOwner(text), mtimeMs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function parseOwner(text: string): Owner {
  try {
    const owner = JSON.parse(text) as Owner;
    if (typeof owner.token === 'string' && /^[\w-]+$/.test(owner.token) && Number.isInteger(owner.pid)) return owner;
  } catch {
    // Not ours, or emptied by a loss of power: an owner that is nobody.
  }
  const token = `unreadable-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
  return { token, pid: 0, startTime: '', hostname: '', bootId: '', namespace: '' };
}

/** `unseen`: its processes are not ours to see (another host, container or boot). */
async function signOfLife({ owner }: ChainLink, self: ProcessSpace): Promise<'alive' | 'dead' | 'unseen'> {
  if (owner.pid === 0) return 'dead';
  const { hostname, bootId, namespace } = owner;
  if (hostname !== self.hostname || bootId !== self.bootId || namespace !== self.namespace) return 'unseen';
  const startTime = await processStartTime(owner.pid);
  return startTime === 'unknown' || startTime === owner.startTime ? 'alive' : 'dead';
}

async function linkIfAbsent(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ENOENT: a new owner took our file for a leftover; the next round writes it again.
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    throw error;
  }
}

function claimPath(directory: string, token: string): string {
  return join(directory, `${CLAIM}${token}`);
}

function inUse(directory: string, owner: Owner): LearnerError {
  const who = owner.pid === process.pid ? 'this process' : `process ${owner.pid}`;
  return new LearnerError(
    'data_directory_in_use',
    `the data directory ${directory} is in use by ${who} on host ${owner.hostname}; ` +
      'stop that one, or give this one another dataDir',
  );
}

/** Files of takers that were killed half-way. Those still at work write theirs again. */
async function removeLeftovers(directory: string, token: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const ofOthers = name.startsWith(TEMPORARY) || (name.startsWith(CLAIM) && name !== `${CLAIM}${token}`);
    if (ofOthers) await rm(join(directory, name), { force: true });
  }
}

async function hold(directory: string, owner: Owner, timing: LockTiming): Promise<DataDirectoryLock> {
  const lock = join(directory, LOCK);
  const file = await open(lock, 'r+');
  // Its first byte is written again: that gives the file system's own time, whatever our clock says, and through an open
  // file it is our lock that is touched even when another host has put its own in place.
  const timer = setInterval(() => void file.write('{', 0).catch(() => {}), timing.touchEveryMs);
  timer.unref();
  return {
    async release() {
      clearInterval(timer);
      await file.close();
      // A host that thought us dead may have taken it over: then it is not ours to remove.
      const chain = await readChain(directory);
      if (chain.length === 1 && chain[0]?.owner.token === owner.token) await rm(lock, { force: true });
    },
  };
}
