import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { lockDataDirectory } from '../../../../src/learner/nats/server/data-directory-lock.js';
import { LearnerError } from '../../../../src/learner/types.js';

const LOCK = 'headwater.lock';
const QUICK = { touchEveryMs: 100, staleAfterMs: 1_500 };

function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'headwater-lock-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A process that takes the lock, says `won` or `lost`, and holds it until it is killed or told to let go. */
function contender(t: TestContext, directory: string, timing: object = QUICK): ChildProcess {
  const lock = new URL('../../../../src/learner/nats/server/data-directory-lock.js', import.meta.url).href;
  const script = `
    const { lockDataDirectory } = await import(${JSON.stringify(lock)});
    process.stdin.once('data', async () => {
      let held;
      try { held = await lockDataDirectory(${JSON.stringify(directory)}, ${JSON.stringify(timing)}); console.log('won'); }
      catch (error) { console.log(error.code === 'data_directory_in_use' ? 'lost' : 'failed: ' + error.message); process.exit(); }
      process.stdin.once('data', async () => { await held.release(); process.exit(); });
    });
    console.log('ready');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

function nextLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.stdout?.once('data', (data: Buffer) => resolve(data.toString().trim()));
    child.once('exit', () => reject(new Error('the contender ended without a word')));
  });
}

async function compete(child: ChildProcess): Promise<string> {
  const line = nextLine(child);
  child.stdin?.write('go\n');
  return line;
}

async function killAndWait(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

function writeOwner(directory: string, change: object): void {
  const path = join(directory, LOCK);
  const owner = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify({ ...owner, ...change }));
}

/** Leaves the lock of an owner that looks like us but for `change`. */
async function leaveLock(directory: string, change: object, ageMs: number): Promise<void> {
  const held = await lockDataDirectory(directory);
  const owner = readFileSync(join(directory, LOCK));
  await held.release();
  writeFileSync(join(directory, LOCK), owner);
  writeOwner(directory, { token: 'someone-else', ...change });
  const then = new Date(Date.now() - ageMs);
  utimesSync(join(directory, LOCK), then, then);
}

async function isInUse(promise: Promise<unknown>): Promise<LearnerError> {
  const error = await promise.then(
    () => assert.fail('the lock was given twice'),
    (problem: unknown) => problem,
  );
  assert.ok(error instanceof LearnerError, String(error));
  assert.equal(error.code, 'data_directory_in_use');
  return error;
}

describe('the lock of a data directory', () => {
  it('makes the directory, is exclusive, and can be had again once released', async (t) => {
    const directory = join(temporaryDirectory(t), 'new', 'data');
    const held = await lockDataDirectory(directory);
    await isInUse(lockDataDirectory(directory));
    await held.release();
    assert.deepEqual(readdirSync(directory), []);
    await (await lockDataDirectory(directory)).release();
  });

  it('names process, host, directory and what to do', async (t) => {
    const directory = temporaryDirectory(t);
    const other = contender(t, directory);
    await nextLine(other);
    assert.equal(await compete(other), 'won');
    const { message } = await isInUse(lockDataDirectory(directory));
    for (const part of [
      `process ${other.pid}`,
      JSON.parse(readFileSync(join(directory, LOCK), 'utf8')).hostname,
      directory,
      'dataDir',
    ]) {
      assert.ok(message.includes(part), `${message} lacks ${part}`);
    }
  });

  it('is taken over at once from an owner that was killed', async (t) => {
    const directory = temporaryDirectory(t);
    const other = contender(t, directory, {});
    await nextLine(other);
    assert.equal(await compete(other), 'won');
    await killAndWait(other);
    // With the real timing an unseen owner would take 20 s.
    const begun = Date.now();
    const held = await lockDataDirectory(directory);
    assert.ok(Date.now() - begun < 10_000);
    assert.deepEqual(readdirSync(directory), [LOCK]);
    await held.release();
  });

  it('is taken over when the pid now belongs to another process', async (t) => {
    const directory = temporaryDirectory(t);
    await leaveLock(directory, { pid: process.pid, startTime: '1' }, 0);
    await (await lockDataDirectory(directory)).release();
  });

  it('is taken over when a loss of power emptied the file', async (t) => {
    const directory = temporaryDirectory(t);
    writeFileSync(join(directory, LOCK), '');
    await (await lockDataDirectory(directory)).release();
  });

  for (const [what, change] of [
    ['on another host', { hostname: 'elsewhere' }],
    ['of another boot', { bootId: 'another' }],
    ['in another container', { namespace: 'pid:[1]' }],
  ] as const) {
    it(`is respected while an owner ${what} shows life`, async (t) => {
      const directory = temporaryDirectory(t);
      await leaveLock(directory, change, 0);
      const touching = setInterval(() => utimesSync(join(directory, LOCK), new Date(), new Date()), QUICK.touchEveryMs);
      t.after(() => clearInterval(touching));
      await isInUse(lockDataDirectory(directory, { ...QUICK, staleAfterMs: 20_000 }));
    });

    it(`is taken over from an owner ${what} that is silent for long`, async (t) => {
      const directory = temporaryDirectory(t);
      await leaveLock(directory, change, 60_000);
      await (await lockDataDirectory(directory)).release();
      // Silent, but not yet for long: waits until it is.
      await leaveLock(directory, change, 0);
      await (await lockDataDirectory(directory, QUICK)).release();
    });
  }

  it('is touched while it is held', async (t) => {
    const directory = temporaryDirectory(t);
    const held = await lockDataDirectory(directory, QUICK);
    const long = new Date(Date.now() - 60_000);
    utimesSync(join(directory, LOCK), long, long);
    const before = readFileSync(join(directory, LOCK), 'utf8');
    await until(() => ageMs(join(directory, LOCK)) < 30_000);
    assert.equal(readFileSync(join(directory, LOCK), 'utf8'), before);
    await held.release();
  });

  it('is not removed by an owner from whom it was taken', async (t) => {
    const directory = temporaryDirectory(t);
    const held = await lockDataDirectory(directory);
    writeOwner(directory, { token: 'the-taker', hostname: 'elsewhere' });
    await held.release();
    assert.deepEqual(readdirSync(directory), [LOCK]);
  });

  it('goes to exactly one of many that race for a dead one, round after round', async (t) => {
    const directory = temporaryDirectory(t);
    const racers = 8;
    for (let round = 0; round < 4; round++) {
      const children = Array.from({ length: racers }, () => contender(t, directory));
      await Promise.all(children.map(nextLine));
      const results = await Promise.all(children.map(compete));
      assert.deepEqual(results.toSorted(), [...Array(racers - 1).fill('lost'), 'won'], `round ${round}`);
      // The winner dies with the lock: the next round's racers find a stale one.
      await killAndWait(children[results.indexOf('won')]!);
    }
  });

  it('goes to one at a time when takers race within a process and release at once', async (t) => {
    const directory = temporaryDirectory(t);
    let holders = 0;
    let won = 0;
    const race = async () => {
      for (let turn = 0; turn < 20; turn++) {
        const held = await lockDataDirectory(directory).catch(() => undefined);
        if (held === undefined) {
          await delay(1);
          continue;
        }
        won += 1;
        holders += 1;
        assert.equal(holders, 1);
        await delay(1);
        holders -= 1;
        await held.release();
      }
    };
    await Promise.all([race(), race(), race(), race()]);
    assert.ok(won > 0);
  });

  it('survives takers that are killed in the middle of taking over', async (t) => {
    const directory = temporaryDirectory(t);
    await leaveLock(directory, { pid: 1, startTime: 'never', token: 'dead-1' }, 0);
    // What a taker leaves that died between its claim and its rename, and one that died after claiming that one.
    const claim = (after: string, token: string) =>
      writeFileSync(
        join(directory, `${LOCK}.after.${after}`),
        readFileSync(join(directory, LOCK), 'utf8').replace('dead-1', token),
      );
    claim('dead-1', 'dead-2');
    claim('dead-2', 'dead-3');
    writeFileSync(join(directory, `${LOCK}.new.dead-4`), '');
    const held = await lockDataDirectory(directory);
    assert.deepEqual(readdirSync(directory), [LOCK]);
    await isInUse(lockDataDirectory(directory));
    await held.release();
  });
});

function ageMs(path: string): number {
  return Date.now() - statSync(path).mtimeMs;
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, 'it did not come to pass');
    await delay(20);
  }
}
