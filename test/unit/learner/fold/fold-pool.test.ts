import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { FoldPool } from '../../../../src/learner/fold/fold-pool.js';
import { HeadFold } from '../../../../src/learner/fold/head-fold.js';
import { LearnerError } from '../../../../src/learner/types.js';
import { actOf, definitionOf, entryOf, logOf } from './samples.js';

function poolFor(t: TestContext, url?: URL): FoldPool {
  const pool = new FoldPool(url);
  t.after(() => pool.terminate());
  return pool;
}

const hasCode = (code: string) => (error: unknown) => error instanceof LearnerError && error.code === code;

test('many heads fold in the thread as they would here, and answer with what they did', async (t) => {
  const pool = poolFor(t);
  const definitions = ['a', 'b', 'c'].map((name) => definitionOf({ name }));
  await Promise.all(definitions.map((definition) => pool.open(definition, null)));
  const results = await Promise.all(definitions.map(({ name }) => pool.fold(name, logOf(200))));
  for (const [i, definition] of definitions.entries()) {
    const here = new HeadFold(definition);
    for (const { bytes, sequence } of logOf(200)) here.fold(bytes, sequence);
    const { statistics, ...counts } = results[i]!;
    assert.deepEqual(statistics, here.statistics());
    assert.deepEqual(counts, {
      folded: 196,
      repeated: 0,
      skipped: { wrong_dimensions: 4 },
      acts: [],
      promotions: [],
      drift: [],
      waits: { count: 0, seconds: 0 },
      lastSequence: 599,
    });
    const snapshot = await pool.snapshot(definition.name);
    assert.deepEqual(Buffer.from(snapshot.state!), Buffer.from(here.snapshot().state));
    assert.deepEqual(Buffer.from(snapshot.model), Buffer.from(here.snapshot().model));
    assert.equal(snapshot.sequence, 599);
  }
});

test('a head goes on from a snapshot, in another thread too', async (t) => {
  const [first, second] = [poolFor(t), poolFor(t)];
  const log = logOf(300);
  await first.open(definitionOf(), null);
  await first.fold('animals', log.slice(0, 120));
  const { state } = await first.snapshot('animals');
  const opened = await second.open(definitionOf(), state);
  assert.equal(opened.sequence, log[119]!.sequence);
  // Some come twice, as after a lost connection.
  const { repeated } = await second.fold('animals', log.slice(100));
  assert.equal(repeated, 20);
  const straight = new HeadFold(definitionOf());
  for (const { bytes, sequence } of logOf(300)) straight.fold(bytes, sequence);
  assert.deepEqual(Buffer.from((await second.snapshot('animals')).state!), Buffer.from(straight.snapshot().state));
});

test('an error rejects its own call and leaves other heads alive', async (t) => {
  const pool = poolFor(t);
  await pool.open(definitionOf(), null);
  await pool.fold('animals', [{ bytes: entryOf(), sequence: 1 }]);
  const calls = [
    [pool.fold('nobody', []), 'head_unavailable'],
    [pool.snapshot('nobody'), 'head_unavailable'],
    [pool.open(definitionOf({ name: 'damaged' }), new Uint8Array(200)), 'snapshot_corrupt'],
    [pool.fold('animals', [{ bytes: Uint8Array.of(7), sequence: 2 }]), 'log_mismatch'],
    [
      pool.open(definitionOf({ name: 'odd', learner: { ...definitionOf().learner, slda: { shrinkage: -1 } } }), null),
      'invalid_argument',
    ],
  ] as const;
  await Promise.all(calls.map(([call, code]) => assert.rejects(call, hasCode(code))));
  assert.equal((await pool.fold('animals', [{ bytes: entryOf(), sequence: 2 }])).statistics.samples, 2);
  await pool.close('animals');
  await pool.close('animals');
  await assert.rejects(pool.snapshot('animals'), hasCode('head_unavailable'));
});

test('entries that share a buffer with others are left usable', async (t) => {
  const pool = poolFor(t);
  await pool.open(definitionOf(), null);
  const shared = Buffer.concat([entryOf(), entryOf({ label: 'dog' })]);
  const half = shared.length / 2;
  await pool.fold('animals', [
    { bytes: shared.subarray(0, half), sequence: 1 },
    { bytes: shared.subarray(half), sequence: 2 },
  ]);
  assert.equal(shared.length, 2 * half);
});

test('a thread that dies rejects what waits, and the next call starts another', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-fold-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'worker.mjs');
  // The first thread dies at its first message, the second one works.
  const real = new URL('../../../../src/learner/fold/worker.js', import.meta.url);
  writeFileSync(
    file,
    `import { existsSync, writeFileSync } from 'node:fs';
     import { parentPort } from 'node:worker_threads';
     const marker = ${JSON.stringify(join(folder, 'died'))};
     if (existsSync(marker)) await import(${JSON.stringify(real.href)});
     else parentPort.once('message', () => { writeFileSync(marker, ''); throw new Error('out of luck'); });`,
  );
  const pool = poolFor(t, pathToFileURL(file));
  const waiting = [pool.open(definitionOf(), null), pool.fold('animals', []), pool.snapshot('animals')];
  for (const call of waiting) await assert.rejects(call, /out of luck/);
  assert.equal((await pool.open(definitionOf(), null)).sequence, 0);
  assert.equal((await pool.fold('animals', [{ bytes: entryOf(), sequence: 1 }])).folded, 1);
});

test('after terminate every call is rejected', async () => {
  const pool = new FoldPool();
  await pool.open(definitionOf(), null);
  const waiting = pool.fold('animals', logOf(100));
  const rejected = assert.rejects(waiting, hasCode('head_unavailable'));
  await pool.terminate();
  await rejected;
  await assert.rejects(pool.open(definitionOf(), null), hasCode('head_unavailable'));
  await pool.terminate();
});

test('an idle pool lets the process end, a busy one does not', async () => {
  const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const program = `
    import { FoldPool } from ${url('../../../../src/learner/fold/fold-pool.js')};
    import { definitionOf } from ${url('./samples.js')};
    new FoldPool().open(definitionOf(), null).then(() => console.log('opened'));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    timeout: 60_000,
  });
  assert.equal(stdout.trim(), 'opened');
});

test('refits run in a thread of their own and change no bit; an import travels with its entry', async (t) => {
  const pool = poolFor(t);
  const learner = { ...definitionOf().learner, train: ['sgd', 'slda', 'rls', 'refit'] as const };
  const definition = definitionOf({ learner });
  const here = new HeadFold(definition);
  const model = new Uint8Array(here.modelBytes());
  const digest = createHash('sha256').update(model).digest('hex');
  const last = { bytes: actOf({ kind: 'import_model', digest }), sequence: 2000 };
  for (const { bytes, sequence } of logOf(300)) here.fold(bytes, sequence);
  here.fold(last.bytes, last.sequence, model);
  await pool.open(definition, null);
  const refused = pool.fold('animals', [...logOf(300), { ...last, bytes: last.bytes.slice() }]);
  await assert.rejects(refused, hasCode('log_mismatch'));
  const { acts, lastSequence } = await pool.fold('animals', [{ ...last, attachment: model.slice() }]);
  // A model without classes is of no use, wherever it is folded.
  assert.deepEqual([acts[0]?.skipped, lastSequence], ['no_model', 2000]);
  const snapshot = await pool.snapshot('animals', { state: 'settled' });
  assert.deepEqual(Buffer.from(snapshot.state!), Buffer.from(here.snapshot().state));
  assert.deepEqual(Buffer.from(snapshot.model), Buffer.from(here.snapshot().model));
  assert.equal((await pool.snapshot('animals', { state: 'no' })).state, null);
});
