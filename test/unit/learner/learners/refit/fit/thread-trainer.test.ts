import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { fit } from '../../../../../../src/learner/learners/refit/fit/fit.js';
import { ThreadTrainer } from '../../../../../../src/learner/learners/refit/fit/thread-trainer.js';
import { inlineTrainer } from '../../../../../../src/learner/learners/refit/fit/trainer.js';
import { jobOf } from './fit-jobs.js';

const entry = new URL('../../../../../../src/learner/learners/refit/fit/trainer-thread.js', import.meta.url);

function trainerFor(t: TestContext, url?: URL): ThreadTrainer {
  const trainer = new ThreadTrainer(url);
  t.after(() => trainer.terminate());
  return trainer;
}

/** A thread that ends with its first jobs, of all threads together, and does the later ones. */
function dyingEntry(t: TestContext, deaths: number): URL {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-trainer-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'dying.mjs');
  writeFileSync(
    file,
    `import { existsSync, writeFileSync } from 'node:fs';
     import { parentPort } from 'node:worker_threads';
     const used = (n) => ${JSON.stringify(join(folder, 'death-'))} + n;
     let death = 0;
     while (death < ${deaths} && existsSync(used(death))) death += 1;
     if (death < ${deaths}) {
       writeFileSync(used(death), '');
       parentPort.on('message', () => process.exit(3));
     } else await import(${JSON.stringify(entry.href)});`,
  );
  return pathToFileURL(file);
}

test('the thread gives the bits that the calling thread gives', async (t) => {
  const trainer = trainerFor(t);
  for (const classes of [2, 7]) {
    const job = jobOf({ classes });
    assert.deepEqual(await trainer.run(job), await inlineTrainer.run(jobOf({ classes })));
    assert.deepEqual(job, jobOf({ classes }), 'the job is still whole: it may have to be done again');
  }
});

test('a thread that is there before its first job does it like any other', async (t) => {
  const trainer = trainerFor(t);
  trainer.prepare();
  trainer.prepare();
  assert.equal(trainer.pending, 0);
  assert.deepEqual(await trainer.run(jobOf({ classes: 3 })), await inlineTrainer.run(jobOf({ classes: 3 })));
  await trainer.terminate();
  trainer.prepare();
  await assert.rejects(async () => trainer.run(jobOf({ classes: 3 })), /stopped/);
});

test('many jobs at once are all done, in their order', async (t) => {
  const trainer = trainerFor(t);
  const done: number[] = [];
  const seeds = [1, 2, 3, 4, 5];
  const results = seeds.map(async (seed) => {
    const result = await trainer.run(jobOf({ seed, members: 60 }));
    done.push(seed);
    return result;
  });
  assert.equal(trainer.pending, 5);
  assert.deepEqual(
    await Promise.all(results),
    seeds.map((seed) => fit(jobOf({ seed, members: 60 }))),
  );
  assert.deepEqual(done, seeds);
  assert.equal(trainer.pending, 0);
});

test('short jobs go first, and a long one is not held up for ever', async (t) => {
  const trainer = trainerFor(t);
  const done: string[] = [];
  const run = async (name: string, members: number) => {
    await trainer.run(jobOf({ members }));
    done.push(name);
  };
  // The first is begun before there is a choice.
  const jobs = [run('first', 30), run('long', 300), ...Array.from({ length: 10 }, (_, i) => run(`short ${i}`, 30))];
  await Promise.all(jobs);
  assert.equal(done[0], 'first');
  assert.equal(done.indexOf('long'), 9);
  assert.equal(done.at(-1), 'short 9');
});

test('a thread that dies is replaced, and its job done again, with the same result', async (t) => {
  const trainer = trainerFor(t, dyingEntry(t, 2));
  const [first, second] = await Promise.all([trainer.run(jobOf()), trainer.run(jobOf({ seed: 2 }))]);
  assert.deepEqual(first, fit(jobOf()));
  assert.deepEqual(second, fit(jobOf({ seed: 2 })));
});

test('a job that ends one thread after the other is given up, and the next one is done', async (t) => {
  const trainer = trainerFor(t, dyingEntry(t, 3));
  const [first, second] = await Promise.allSettled([trainer.run(jobOf()), trainer.run(jobOf({ seed: 2 }))]);
  assert.equal(first.status, 'rejected');
  assert.match(
    String(first.status === 'rejected' && first.reason),
    /200 samples, 4 classes.*ended the thread that did it 3 times.*status 3.*more memory/,
  );
  assert.equal(second.status, 'fulfilled');
});

test('a thread that can not start fails its job with the reason', async (t) => {
  const trainer = trainerFor(t, new URL('./no-such-file.js', import.meta.url));
  await assert.rejects(async () => trainer.run(jobOf()), /no-such-file/);
});

test('a job that can not be done fails alone', async (t) => {
  const trainer = trainerFor(t);
  const broken = { ...jobOf(), classes: -1 };
  const [first, second] = await Promise.allSettled([trainer.run(broken), trainer.run(jobOf())]);
  assert.equal(first.status, 'rejected');
  assert.match(String(first.status === 'rejected' && first.reason), /a refit failed/);
  assert.equal(second.status, 'fulfilled');
});

test('the end rejects what waits, and all that comes later', async () => {
  const trainer = new ThreadTrainer();
  const waiting = Promise.allSettled([trainer.run(jobOf()), trainer.run(jobOf())]);
  await trainer.terminate();
  for (const { status } of await waiting) assert.equal(status, 'rejected');
  await assert.rejects(async () => trainer.run(jobOf()), /stopped/);
});
