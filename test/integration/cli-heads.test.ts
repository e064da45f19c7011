import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { FakeHeadwater } from '../support/fake-headwater.js';
import { headwater, jsonOf, type Run } from '../support/run-headwater.js';
import { temporaryFolder } from '../support/test-learning.js';

interface Fixture {
  readonly fake: FakeHeadwater;
  readonly heads: (...argv: string[]) => Promise<Run>;
  /** At a terminal. */
  readonly typing: (typed: string, ...argv: string[]) => Promise<Run>;
}

async function start(t: TestContext): Promise<Fixture> {
  const fake = new FakeHeadwater();
  await fake.start();
  t.after(() => fake.stop());
  const heads = (...argv: string[]) => headwater(['heads', ...argv, '--server', fake.address]);
  const typing = (typed: string, ...argv: string[]) => headwater(['heads', ...argv, '--server', fake.address], typed);
  return { fake, heads, typing };
}

const LEARNERS = {
  champion: 'blend',
  serve: 'auto',
  learners: [
    {
      ...{ name: 'blend', samples: 900, logLoss: 0.5, temperature: 1.1, weight: 0, bytes: 0 },
      accuracy: [{ window: 1000, count: 900, accuracy: 0.875 }],
    },
    {
      ...{ name: 'slda', samples: 900, logLoss: 0.75, temperature: 2.25, weight: 0.4, bytes: 4_200_000 },
      accuracy: [{ window: 1000, count: 900, accuracy: 0.75 }],
    },
    { name: 'sgd', samples: 0, logLoss: 0, temperature: 1, weight: 0.6, bytes: 0, accuracy: [] },
  ],
  promotions: [{ from: 'sgd', to: 'blend', logSequence: 120, samples: 110, reason: 'log loss 0.5 against 0.7' }],
  calibrationError: 0.031,
  drift: {
    level: 'drift',
    history: [{ level: 'drift', logSequence: 600, samples: 580, errorBefore: 0.1, errorAfter: 0.4 }],
  },
  confusions: [{ label: 'c\x1b[2Jat', predicted: 'd\u202eog', count: 12 }],
  aliases: [{ from: 'old\nname', to: 'cat' }],
  taughtBy: 'here',
  waits: { count: 4, seconds: 1.25 },
  compactedTo: 55,
  skipped: 2,
  train: ['sgd', 'slda'],
};

test('list and show: who serves, the candidates, what happened; names of strangers are harmless', async (t) => {
  const { fake, heads } = await start(t);
  assert.match((await heads('list')).out, /^HEAD +BACKBONE.*\ndemo +tiny/);
  const listed = jsonOf(await heads('list', '--json')).heads as { name: string }[];
  assert.deepEqual(
    listed.map(({ name }) => name),
    ['demo'],
  );
  fake.trained.set('1', 'a\u202eb');
  fake.head = LEARNERS;
  const { out } = await heads('show', 'demo');
  const expected = [
    /^ {2}serving +version 1 by sgd \(newest: 1\)$/m,
    /^ {2}trains +sgd, slda; taught by this server, 1\.3 s waited for refits$/m,
    /^ {2}samples +1 learned, 2 that can't be, 0 labels waiting$/m,
    /^ {2}calibration +off by 3\.1 % on average$/m,
    /^ {2}log +entries up to 55 were removed$/m,
    /^ {2}blend \* +87\.5 % +0\.500 +1\.10 +- +900 +-$/m,
    /^ {2}slda +75\.0 % +0\.750 +2\.25 +0\.40 +900 +4\.2 MB$/m,
    /^ {2}sgd +- +- +1\.00 +0\.60 +0 +-$/m,
    /^ +120 +110 +sgd -> blend +log loss 0\.5 against 0\.7$/m,
    /^ +600 +580 +drift +10\.0 % -> 40\.0 %$/m,
    /^ {2}1 \* +1 +1 +1970-01-01 00:00:00 +sgd +- +- +d$/m,
    /^ {2}a\\u\{202e\}b +1 +1 +50\.0 %$/m,
    /^ {2}c\\u\{1b\}\[2Jat +d\\u\{202e\}og +12$/m,
    /^ {2}old\\u\{a\}name +cat$/m,
  ];
  for (const line of expected) assert.match(out, line);
  assert.ok(!out.includes('\x1b') && !out.includes('\u202e'));

  const unknown = await heads('show', 'nothing');
  assert.equal(unknown.code, 1);
  assert.match(unknown.err, /NOT_FOUND: no head "nothing"/);
});

test('create says what learns and what serves', async (t) => {
  const { fake, heads } = await start(t);
  await heads('create', 'pets', '--backbone', 'tiny', '--class', 'cat', '--class', 'a, b');
  await heads('create', 'birds', '--backbone', 'tiny', '--train', 'sgd, slda', '--serve', 'slda', '--max-classes', '7');
  assert.deepEqual(fake.created, [
    { name: 'pets', backbone: 'tiny', classes: ['cat', 'a, b'], maxClasses: 0, serve: 'auto', train: [] },
    { name: 'birds', backbone: 'tiny', classes: [], maxClasses: 7, serve: 'slda', train: ['sgd', 'slda'] },
  ]);
});

test('delete asks for the version it means to delete', async (t) => {
  const { fake, heads, typing } = await start(t);
  fake.head = { latestVersion: 12, samples: 340 };
  const asked = await heads('delete', 'demo');
  assert.deepEqual([asked.code, fake.deleted], [2, []]);
  assert.match(asked.err, /no terminal to ask at; add --version N --yes/);
  const yes = await heads('delete', 'demo', '--yes');
  assert.deepEqual([yes.code, fake.deleted], [2, []]);
  assert.match(yes.err, /--yes needs --version N/);

  for (const typed of ['y\n', '11\n', 'demo\n', '']) {
    const refused = await typing(typed, 'delete', 'demo');
    assert.deepEqual([refused.code, fake.deleted], [1, []], JSON.stringify(typed));
    assert.match(refused.err, /demo is at version 12: 340 samples, 0 classes/);
    assert.match(refused.err, /nothing was deleted/);
  }
  const other = await typing('12\n', 'delete', 'demo', '--version', '11');
  assert.deepEqual([other.code, fake.deleted], [1, []]);
  assert.match(other.err, /demo is at version 12 and has no version 11; nothing was deleted/);

  assert.equal((await typing('12\n', 'delete', 'demo')).code, 0);
  const forced = await heads('delete', 'demo', '--version', '3', '--yes', '--json');
  assert.deepEqual(jsonOf(forced), { deleted: 'demo', version: 3 });
  assert.deepEqual(fake.deleted, [
    { name: 'demo', expectedVersion: 12 },
    { name: 'demo', expectedVersion: 3 },
  ]);
});

test('rollback, pin and unpin', async (t) => {
  const { fake, heads } = await start(t);
  fake.trained.set('1', 'cat');
  assert.match((await heads('rollback', 'demo', '3')).out, /serves version 3, pinned/);
  assert.match((await heads('pin', 'demo', '5')).out, /serves version 5, pinned/);
  assert.match((await heads('pin', 'demo')).out, /serves version 1, pinned/);
  assert.match((await heads('unpin', 'demo')).out, /serves version 9, the newest from now on/);
  assert.deepEqual(fake.rolledBack, [3, 5, 1, 0]);
});

test('pin of a head that has learned nothing is refused in words', async (t) => {
  const { fake, heads } = await start(t);
  const { code, err } = await heads('pin', 'demo');
  assert.deepEqual([code, fake.rolledBack], [1, []]);
  assert.match(err, /demo has learned nothing yet: there is no version to pin/);
});

test('acts: promote, learners, delete-class, rename-class', async (t) => {
  const { fake, heads } = await start(t);
  assert.equal((await heads('promote', 'demo', 'slda')).out, 'demo: slda serves from now on\n');
  assert.equal((await heads('promote', 'demo', 'auto')).out, 'demo: the scores decide what serves\n');
  assert.equal((await heads('learners', 'demo', 'sgd', 'rls')).out, 'demo: sgd, rls train from now on\n');
  assert.equal((await heads('delete-class', 'demo', 'c\x1bat')).out, 'demo: the class c\\u{1b}at is deleted\n');
  const renamed = await heads('rename-class', 'demo', 'cat', '猫 a', '--json');
  assert.deepEqual([jsonOf(renamed).applied, jsonOf(renamed).sequence], [true, 57]);
  assert.deepEqual(fake.acts, [
    { call: 'PromoteHead', name: 'demo', candidate: 'slda' },
    { call: 'PromoteHead', name: 'demo', candidate: 'auto' },
    { call: 'SetLearners', name: 'demo', learners: ['sgd', 'rls'] },
    { call: 'DeleteClass', name: 'demo', className: 'c\x1bat' },
    { call: 'RenameClass', name: 'demo', from: 'cat', to: '猫 a' },
  ]);
});

test('an act that is stored but not applied yet says so', async (t) => {
  const { fake, heads } = await start(t);
  fake.actAnswer = { applied: false };
  fake.head = { taughtBy: 'nobody' };
  const { code, out } = await heads('promote', 'demo', 'slda');
  assert.equal(code, 0);
  assert.match(
    out,
    /not yet: this is stored at position 57 .* no process teaches the head right now; see `headwater heads/,
  );
});

test('learners without names shows the candidates', async (t) => {
  const { fake, heads } = await start(t);
  assert.equal((await heads('learners', 'demo')).out, 'no candidates yet\n');
  fake.head = LEARNERS;
  assert.match((await heads('learners', 'demo')).out, /^CANDIDATE +ACCURACY.*\nblend \* +87\.5 %/);
  assert.deepEqual(fake.acts, []);
});

test('export writes the file as a whole or not at all; import sends it', async (t) => {
  const { fake, heads } = await start(t);
  const folder = temporaryFolder(t);
  const file = join(folder, 'demo.safetensors');
  fake.file = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => index % 251));
  const exported = await heads('export', 'demo', file, '--json');
  assert.deepEqual(jsonOf(exported), { exported: 'demo', version: 4, file, bytes: 1_000_000 });
  assert.ok(readFileSync(file).equals(fake.file));

  const again = await heads('export', 'demo', file);
  assert.equal(again.code, 1);
  assert.match(again.err, /demo\.safetensors exists; add --force/);
  assert.match((await heads('export', 'demo', file, '--force')).out, /wrote version 4 of demo to .* \(1\.0 MB\)/);
  const unknown = await heads('export', 'nothing', join(folder, 'x'));
  assert.match(unknown.err, /NOT_FOUND/);
  assert.deepEqual(readdirSync(folder), ['demo.safetensors']);

  const imported = await heads('import', 'other', file, '--backbone', 'tiny', '--train', 'sgd');
  assert.equal(imported.code, 0, imported.err);
  const [received] = fake.imported;
  assert.ok(received?.bytes.equals(fake.file));
  const head = { name: 'other', backbone: 'tiny', classes: [], maxClasses: 0, serve: 'auto', train: ['sgd'] };
  assert.deepEqual(received?.head, head);
});

test('import: no such file, and a server that refuses at once', async (t) => {
  const { fake, heads } = await start(t);
  const folder = temporaryFolder(t);
  const missing = await heads('import', 'other', join(folder, 'none'), '--backbone', 'tiny');
  assert.equal(missing.code, 1);
  assert.match(missing.err, /^headwater: .*none.*\n$/);
  fake.refuseImport = { code: status.ALREADY_EXISTS, details: 'there is a head "other"' };
  const large = join(folder, 'large');
  writeFileSync(large, Buffer.alloc(20_000_000));
  const refused = await heads('import', 'other', large, '--backbone', 'tiny');
  assert.equal(refused.code, 1);
  assert.match(refused.err, /ALREADY_EXISTS: there is a head "other"/);
});

test('watch prints a line a look, JSON when asked for, until the head is gone or it has looked enough', async (t) => {
  const { fake, heads } = await start(t);
  fake.head = { ...LEARNERS, lag: 3 };
  const run = await heads('watch', 'demo');
  assert.equal(run.code, 0);
  const lines = run.out.trimEnd().split('\n');
  assert.equal(lines.length, 3);
  for (const line of lines) assert.match(line, /^demo {2}version 0 by - {2}samples 0 .* drift drift {2}waiting 3$/);
  assert.match(run.err, /demo was deleted/);
  const json = await heads('watch', 'demo', '--json', '--count', '2');
  const looks = json.out.trimEnd().split('\n');
  assert.deepEqual(
    looks.map((line) => JSON.parse(line).champion),
    ['blend', 'blend'],
  );
  assert.equal(json.err, '');
});
