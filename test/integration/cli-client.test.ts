import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, beforeEach, describe, type TestContext, test } from 'node:test';
import { Metadata, status } from '@grpc/grpc-js';
import { main } from '../../src/server/cli.js';
import type { CommandIo } from '../../src/server/commands/command-io.js';
import { FakeHeadwater } from '../support/fake-headwater.js';
import { freePort } from '../support/nats.js';

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function headwater(...argv: string[]): Promise<Run> {
  let out = '';
  let err = '';
  const io: CommandIo = {
    out: {
      write: (text) => {
        out += text;
      },
    },
    err: {
      write: (text) => {
        err += text;
      },
    },
    input: new PassThrough(),
  };
  const code = await main(argv, io);
  return { code, out, err };
}

/** The last line of stdout as JSON. */
function jsonOf({ out }: Run): Record<string, unknown> {
  return JSON.parse(out.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;
}

let folder: string;
let data: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-cli-'));
  data = join(folder, 'pets');
  for (const label of ['cat', 'dog']) {
    await mkdir(join(data, label), { recursive: true });
    for (let index = 0; index < 5; index++) await writeFile(join(data, label, `${index}.jpg`), `${label}${index}`);
  }
});
after(() => rm(folder, { recursive: true, force: true }));

async function startFake(t: TestContext): Promise<FakeHeadwater> {
  const fake = new FakeHeadwater();
  await fake.start();
  t.after(() => fake.stop());
  return fake;
}

describe('usage', () => {
  test('wrong usage is one line on stderr and exit status 2', async () => {
    const wrong = [
      ['no-such-command'],
      ['feed', '--head', 'demo'],
      ['feed', '--data', data, '--head', 'Bad Name'],
      ['feed', '--data', data, '--head', 'demo', '--mode', 'magic'],
      ['feed', '--data', data, '--head', 'demo', '--holdout', '1.5'],
      ['feed', '--data', data, '--head', 'demo', '--rate', '0'],
      ['feed', '--data', data, '--head', 'demo', '--server', 'nowhere'],
      ['predict', '--head', 'demo'],
      ['heads', 'rollback', 'demo', 'last'],
      ['heads', 'pin', 'demo', '0'],
      ['heads', 'promote', 'demo', 'magic'],
      ['heads', 'learners', 'demo', 'magic'],
      ['heads', 'create', 'pets', '--backbone', 'tiny', '--train', 'sgd,magic'],
      ['heads', 'create', 'pets', '--backbone', 'tiny', '--serve', 'imported'],
      ['heads', 'watch', 'demo', '--interval', '0'],
      ['heads', 'explode'],
      ['demo', '--mean', '1,2'],
    ];
    for (const argv of wrong) {
      const { code, out, err } = await headwater(...argv);
      assert.equal(code, 2, argv.join(' '));
      assert.equal(out, '');
      assert.match(err, /^headwater.*: .*; see headwater.* --help\n$/, argv.join(' '));
    }
  });

  test('a wrong --set is wrong usage, a wrong file is a failure', async () => {
    const empty = join(folder, 'empty.yaml');
    await writeFile(empty, '');
    const bad = join(folder, 'bad.yaml');
    await writeFile(bad, 'nats: { url: "http://user:hush@example.org" }\n');
    const runs: [string[], number, RegExp][] = [
      [['--config', empty, '--set', 'nonsense'], 2, /--set nonsense: expected KEY=VALUE/],
      [['--config', empty, '--set', 'server.grpcport=1'], 2, /unknown key; did you mean "grpcPort"/],
      [['--config', empty, '--set', 'server.grpcPort=x'], 2, /expected a whole number/],
      [['--config', bad, '--set', 'server.grpcPort=0'], 1, /bad\.yaml: nats\.url: the value \(not shown/],
    ];
    for (const [argv, status, message] of runs) {
      const { code, err } = await headwater('serve', ...argv);
      assert.equal(code, status, err);
      assert.match(err, message);
      assert.doesNotMatch(err, /hush/);
      assert.equal(err.trimEnd().split('\n').length, 1, err);
    }
  });

  test('help shows an example, for every command', async () => {
    const commands = [[], ['serve'], ['demo'], ['feed'], ['predict'], ['heads']];
    const heads =
      (await headwater('heads', '--help')).out.match(/^ {2}[a-z-]+(?= .*)/gm)?.map((name) => name.trim()) ?? [];
    assert.ok(heads.length >= 14, heads.join());
    for (const command of [...commands, ...heads.map((name) => ['heads', name])]) {
      const { code, out } = await headwater(...command, '--help');
      assert.equal(code, 0, command.join(' '));
      assert.match(out, /Examples?:\n {2}\$ headwater/, command.join(' '));
    }
  });

  test('no command at all shows the help and is wrong usage', async () => {
    const { code, err } = await headwater();
    assert.equal(code, 2);
    assert.match(err, /Usage: headwater/);
  });

  test('a file that is missing, data that is none, and a server that is not there are failures', async () => {
    const nobody = `127.0.0.1:${await freePort()}`;
    const failing: [string[], RegExp][] = [
      [['feed', '--data', join(folder, 'none'), '--head', 'demo'], /no folder or archive at .*none/],
      [['feed', '--data', data, '--head', 'demo', '--server', nobody], /no server at 127\.0\.0\.1:\d+; start one with/],
      [['heads', 'list', '--server', nobody], /no server at/],
      [['serve', '--config', join(folder, 'none.yaml')], /none\.yaml/],
    ];
    for (const [argv, message] of failing) {
      const { code, err } = await headwater(...argv);
      assert.equal(code, 1, argv.join(' '));
      assert.match(err, message);
      assert.equal(err.trimEnd().split('\n').length, 1, err);
    }
  });
});

describe('feed', () => {
  let fake: FakeHeadwater;
  beforeEach(async (context) => {
    fake = await startFake(context as TestContext);
  });
  const feed = (...argv: string[]) =>
    headwater('feed', '--data', data, '--head', 'demo', '--server', fake.address, '--json', ...argv);

  test('joins: predicts, labels by id, waits, and counts', async () => {
    fake.predict = (image) => (image === 'cat0' ? '' : 'cat');
    const run = await feed('--shuffle', '1');
    assert.equal(run.code, 0, run.err);
    assert.equal(run.out.trimEnd().split('\n').length, 1);
    const report = jsonOf(run);
    assert.equal(report.sent, 10);
    assert.equal(report.labelled, 10);
    assert.equal(report.trained, 10);
    // Nine answers named a class, four of them rightly.
    assert.equal(report.servedAccuracy, 4 / 9);
    assert.equal(report.prequentialAccuracy, 0.5);
    assert.equal(report.holdoutAccuracy, null);
    assert.equal(report.holdoutMeanPerClassAccuracy, null);
    assert.ok((report.seconds as number) > 0);
    assert.ok(Math.abs((report.imagesPerSecond as number) - 10 / (report.seconds as number)) < 1e-6);
    assert.equal(fake.trained.get('pets:dog:3.jpg'), 'dog');
    assert.deepEqual(
      fake.labels.map(({ image }) => image),
      new Array(10).fill(''),
    );
  });

  test('a second run of the same data trains nothing; another --run does', async () => {
    await feed();
    const again = jsonOf(await feed());
    assert.deepEqual([again.sent, again.labelled, again.trained], [10, 10, 0]);
    const other = jsonOf(await feed('--run', 'other'));
    assert.deepEqual([other.labelled, other.trained], [10, 10]);
    assert.ok(fake.trained.has('other:cat:0.jpg'));
  });

  test('samples carry the image and are not predicted', async () => {
    const report = jsonOf(await feed('--mode', 'sample'));
    assert.deepEqual([report.sent, report.labelled, report.trained], [10, 10, 10]);
    assert.equal(report.servedAccuracy, null);
    assert.equal(fake.predictions.length, 0);
    assert.ok(
      fake.labels.some(({ id, label, image }) => id === 'pets:cat:4.jpg' && label === 'cat' && image === 'cat4'),
    );
  });

  test('what is held out is predicted at the end, under ids of the server, and never labelled', async () => {
    fake.predict = (image) => (image === 'dog4' ? 'cat' : image.slice(0, 3));
    const report = jsonOf(await feed('--holdout', '0.2'));
    assert.deepEqual([report.sent, report.labelled, report.heldOut], [8, 8, 2]);
    assert.equal(report.holdoutAccuracy, 0.5);
    assert.equal(report.holdoutMeanPerClassAccuracy, 0.5);
    assert.deepEqual(
      fake.predictions
        .slice(-2)
        .map(({ id, image }) => id + image)
        .sort(),
      ['cat4', 'dog4'],
    );
    assert.ok(![...fake.trained.keys()].some((id) => id.endsWith('4.jpg')));
  });

  test('overload is retried after the delay that the server gives', async () => {
    const metadata = new Metadata();
    metadata.set('grpc-retry-pushback-ms', '1');
    fake.refusePrediction = (_, attempt) =>
      attempt < 3 ? { code: status.RESOURCE_EXHAUSTED, details: 'queue full', metadata } : undefined;
    fake.refuseLabel = ({ id }, attempt) =>
      id.includes('cat') && attempt === 1 ? { code: status.RESOURCE_EXHAUSTED, details: 'labels full' } : undefined;
    const report = jsonOf(await feed());
    assert.deepEqual([report.sent, report.labelled, report.trained, report.failed], [10, 10, 10, 0]);
  });

  test('a stream of labels that breaks is opened again, and no label is lost', async () => {
    let broken = 0;
    fake.breakStream = () => broken++ === 3;
    const report = jsonOf(await feed());
    assert.deepEqual([report.labelled, report.trained], [10, 10]);
    assert.ok(broken > 3);
  });

  test('an answer without a record is asked for again, and told of when that does not help', async () => {
    fake.recorded = (id, attempt) => (id.includes('cat') ? attempt > 2 : id !== 'pets:dog:0.jpg');
    const run = await feed();
    const report = jsonOf(run);
    assert.deepEqual([report.sent, report.labelled, report.unrecorded], [10, 10, 1]);
    // Two more for each of the five cats, five more for the dog that is never recorded.
    assert.equal(report.repeated, 15);
    assert.equal(fake.predictions.length, 25);
    assert.match(run.err, /1 answers were not recorded/);
    assert.ok(fake.predictions.filter(({ id }) => id === 'pets:cat:0.jpg').length === 3);
  });

  test('an image that is refused is named and skipped, the others are fed, and the status is 1', async () => {
    fake.refusePrediction = ({ image }) =>
      image === 'dog2' ? { code: status.INVALID_ARGUMENT, details: 'image 0 can not be decoded' } : undefined;
    const run = await feed();
    assert.equal(run.code, 1);
    assert.match(run.err, /dog\/2\.jpg: image 0 can not be decoded/);
    const report = jsonOf(run);
    assert.deepEqual([report.sent, report.labelled, report.failed], [9, 9, 1]);
  });

  test('a head that does not exist ends it at once, with what the server says', async () => {
    fake.heads = ['flowers'];
    const { code, err } = await feed();
    assert.equal(code, 1);
    assert.match(err, /answers NOT_FOUND: no head "demo"; there are: flowers/);
  });

  test('a server that goes away and comes back within patience is survived', async () => {
    const { port } = fake;
    fake.predict = () => 'cat';
    const running = feed('--rate', '20', '--concurrency', '2');
    while (fake.trained.size < 3) await new Promise((resolve) => setTimeout(resolve, 10));
    fake.stop();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await fake.start(port);
    const report = jsonOf(await running);
    assert.deepEqual([report.sent, report.labelled], [10, 10]);
    assert.equal(fake.trained.size, 10);
  });

  test('a server that stays away ends it when patience ends', async () => {
    const running = feed('--rate', '20', '--patience', '0.3');
    while (fake.trained.size < 3) await new Promise((resolve) => setTimeout(resolve, 10));
    fake.stop();
    const { code, err } = await running;
    assert.equal(code, 1);
    assert.match(err, /headwater: (no server at|.*UNAVAILABLE)/);
  });

  test('training that never ends is given up with what is missing', async () => {
    fake.head = { labelsWaiting: 0 };
    const running = feed('--patience', '0.5', '--rate', '100');
    while (fake.trained.size < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    fake.head = { labelsWaiting: 4, state: 'NATS is away' };
    const { code, err } = await running;
    assert.equal(code, 1);
    assert.match(err, /4 labels are not joined yet \(the head says: NATS is away\)/);
  });

  const NONE = { trained: 0, duplicate: 0, unknown_id: 0, late: 0, invalid: 0 };

  test('labels that the server knows nothing of end in status 1, with what to check', async () => {
    fake.results = { ...NONE };
    fake.loses = () => true;
    const run = await feed();
    assert.equal(run.code, 1, run.err);
    assert.match(
      run.err,
      /10 of 10 labels were stored, but 127\.0\.0\.1:\d+ knows nothing of them: .*log of the server/,
    );
    const { labelled, trained, unaccounted } = jsonOf(run);
    assert.deepEqual([labelled, trained, unaccounted], [10, 0, 10]);
  });

  test('a second run is all duplicates: status 0 and no alarm', async () => {
    fake.results = { ...NONE };
    await feed();
    const run = await feed();
    assert.equal(run.code, 0, run.err);
    assert.doesNotMatch(run.err, /labels were stored|knows nothing/);
    const { trained, duplicates, unknownIds, unaccounted } = jsonOf(run);
    assert.deepEqual([trained, duplicates, unknownIds, unaccounted], [0, 10, 0, 0]);
    const told = await headwater('feed', '--data', data, '--head', 'demo', '--server', fake.address);
    assert.match(told.out, /^not trained: duplicates 10, unknown id 0, late 0, invalid 0$/m);
  });

  test('a held-out image that is refused counts as failed and is named', async () => {
    fake.refusePrediction = ({ image }) =>
      image === 'cat4' ? { code: status.INVALID_ARGUMENT, details: 'image 0 can not be decoded' } : undefined;
    const run = await feed('--holdout', '0.2');
    assert.equal(run.code, 1);
    assert.match(run.err, /cat\/4\.jpg: image 0 can not be decoded/);
    assert.match(run.err, /1 images failed/);
    const { failed, heldOut, labelled } = jsonOf(run);
    assert.deepEqual([failed, heldOut, labelled], [1, 2, 8]);
  });

  test('a server that says UNAVAILABLE of the head is waited for, from the first call on', async () => {
    fake.refuseHead = (attempt) =>
      [1, 2, 4, 5].includes(attempt) ? { code: status.UNAVAILABLE, details: 'NATS is away' } : undefined;
    const run = await feed();
    assert.equal(run.code, 0, run.err);
    assert.match(run.err, /UNAVAILABLE: NATS is away; waiting for it/);
    assert.equal(jsonOf(run).trained, 10);
  });

  test('--limit and --rate are kept to', async () => {
    const start = performance.now();
    const report = jsonOf(await feed('--limit', '4', '--rate', '20'));
    assert.deepEqual([report.sent, fake.trained.size], [4, 4]);
    // The fourth image starts after 150 ms.
    assert.ok(performance.now() - start >= 150);
    assert.ok([...fake.trained.keys()].every((id) => id.startsWith('pets:cat:')));
  });
});

describe('predict', () => {
  test('prints the best classes, harmless to the terminal, and reports files at fault', async (t) => {
    const fake = await startFake(t);
    fake.predict = () => 'c\x1b[2Jat';
    fake.refusePrediction = ({ image }) =>
      image === 'dog0' ? { code: status.INVALID_ARGUMENT, details: 'not an image' } : undefined;
    const files = ['cat/0.jpg', 'dog/0.jpg', 'none.jpg'].map((name) => join(data, name));
    const run = await headwater('predict', '--head', 'demo', '--server', fake.address, ...files);
    assert.equal(run.code, 1);
    assert.match(run.out, /75\.0 % {2}c\\u\{1b\}\[2Jat/);
    assert.match(run.out, /dog\/0\.jpg: not an image/);
    assert.match(run.out, /none\.jpg: ENOENT/);
    assert.match(run.err, /2 of 3 files/);

    const json = jsonOf(
      await headwater('predict', '--json', '--head', 'demo', '--server', fake.address, ...files.slice(0, 1)),
    );
    const [prediction] = json.predictions as { label: string; top: unknown[] }[];
    assert.equal(prediction?.label, 'c\x1b[2Jat');
    assert.deepEqual(prediction?.top, [{ name: 'c\x1b[2Jat', probability: 0.75 }]);
  });
});
