// One set-up at a time in a clone: two `npm ci` at once would destroy each other's work.
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT, SetupError } from './run.mjs';

const FOLDER = join(ROOT, '.tools');
const LOCK = join(FOLDER, 'setup.pid');
const LONGEST_WAIT_MS = 10 * 60 * 1000;

/** Calls `work` while holding the lock. The lock of a process that is dead is taken over. */
export async function withLock(work) {
  createFolder();
  const giveUpAt = Date.now() + LONGEST_WAIT_MS;
  let said = false;
  while (!tryLock()) {
    const holder = lockHolder();
    if (holder === null) {
      rmSync(LOCK, { force: true });
      continue;
    }
    if (Date.now() > giveUpAt) {
      throw new SetupError(`process ${holder} has been setting this clone up for too long: end it, or delete ${LOCK}`);
    }
    if (!said) console.error(`setup: waiting for process ${holder}, which is setting this clone up`);
    said = true;
    await sleep(200);
  }
  try {
    return work();
  } finally {
    rmSync(LOCK, { force: true });
  }
}

function createFolder() {
  try {
    mkdirSync(FOLDER, { recursive: true });
  } catch (error) {
    throw new SetupError(`cannot write to ${ROOT} (${error.code}): run this as the user who owns the clone`);
  }
}

function tryLock() {
  // Linking makes the lock appear with its content: nobody ever reads one that is half written.
  const draft = `${LOCK}.${process.pid}`;
  try {
    writeFileSync(draft, String(process.pid));
    linkSync(draft, LOCK);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw new SetupError(`cannot write ${LOCK} (${error.code}): run this as the user who owns the clone`);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** The process that holds the lock, for a message; null when it is gone. */
function lockHolder() {
  const pid = readNumber(LOCK);
  if (pid === null) return null;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code === 'ESRCH') return null;
  }
  // In a container process ids start again from 1: the dead holder's may belong to something else by now.
  const commandLine = join('/proc', String(pid), 'cmdline');
  if (existsSync(commandLine) && !readFileSync(commandLine, 'utf8').includes('scripts')) return null;
  return pid;
}

function readNumber(file) {
  try {
    const number = Number(readFileSync(file, 'utf8'));
    return Number.isInteger(number) && number > 0 ? number : null;
  } catch {
    return null;
  }
}
