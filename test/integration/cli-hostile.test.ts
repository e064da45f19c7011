import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { FakeHeadwater } from '../support/fake-headwater.js';
import { assertPrintable, hostileTexts } from '../support/hostile-text.js';
import { headwater, jsonOf, type Run } from '../support/run-headwater.js';
import { temporaryFolder } from '../support/test-learning.js';

// A server that answers whatever a stranger could have made of it: commands print it, and the terminal obeys none of it.

/** Protocol buffers carry valid UTF-8 only: half a character arrives as U+FFFD. */
const texts = Object.entries(hostileTexts).filter(([, text]) => text.isWellFormed());

async function start(t: TestContext): Promise<{ fake: FakeHeadwater; run: (...argv: string[]) => Promise<Run> }> {
  const fake = new FakeHeadwater();
  await fake.start();
  t.after(() => fake.stop());
  return { fake, run: (...argv) => headwater([...argv, '--server', fake.address]) };
}

function checkRun({ out, err }: Run, what: string): void {
  assertPrintable(out, `${what}: stdout`);
  assertPrintable(err, `${what}: stderr`);
}

test('heads show, list, learners, watch and acts', async (t) => {
  const { fake, run } = await start(t);
  for (const [index, [what, text]] of texts.entries()) {
    const candidate = { name: text, samples: 9, logLoss: 0.5, temperature: 1, weight: 0, bytes: 0, accuracy: [] };
    fake.head = {
      ...{
        name: text,
        backbone: text,
        backboneIdentity: text,
        state: text,
        champion: text,
        serve: text,
        taughtBy: text,
      },
      classes: [{ name: text, samples: 9, recent: 9, recall: 0.5 }],
      learners: [candidate],
      train: [text],
      promotions: [{ from: text, to: text, logSequence: 1, samples: 1, reason: text }],
      drift: { level: text, history: [] } as never,
      confusions: [{ label: text, predicted: text, count: 3 }],
      aliases: [{ from: text, to: text }],
      versions: [{ version: 1, samples: 1, logSequence: 1, createdAtMs: 0, digest: text, champion: text }],
      labelResults: { [text]: 1 },
    };
    const looks = [
      ['heads', 'list'],
      ['heads', 'show', 'demo'],
    ];
    const others = [
      ['heads', 'learners', 'demo'],
      ['heads', 'watch', 'demo', '--count', '1'],
      ['heads', 'promote', 'demo', 'slda'],
      ['heads', 'rename-class', 'demo', text.replaceAll('\u0000', ''), 'x'],
      ['heads', 'rollback', 'demo', '1'],
    ];
    // Each of the others with some of the texts: what prints is the same.
    for (const command of [...looks, others[index % others.length]!]) {
      const plain = await run(...command);
      checkRun(plain, `${what}: ${command.join(' ')}`);
      const json = await run(...command, '--json');
      checkRun(json, `${what}: ${command.join(' ')} --json`);
      assert.equal(json.out.trimEnd().split('\n').length, 1, 'one line');
      if (command[1] !== 'show') continue;
      assert.equal(plain.code, 0, plain.err);
      assert.equal(jsonOf(json).name, text, `${what}: scripts get the very text`);
    }
  }
});

test('what a deletion asks', async (t) => {
  const { fake } = await start(t);
  for (const [what, text] of texts) {
    fake.head = { name: text };
    const asked = await headwater(['heads', 'delete', 'demo', '--server', fake.address], 'no\n');
    assert.equal(asked.code, 1);
    checkRun(asked, what);
  }
});

test('refusals', async (t) => {
  const { fake, run } = await start(t);
  for (const [what, text] of texts) {
    fake.refuseHead = () => ({ code: status.FAILED_PRECONDITION, details: text });
    const refused = await run('heads', 'show', 'demo');
    assert.equal(refused.code, 1);
    checkRun(refused, what);
    assert.equal(refused.err.split('\n').length, 2, `${what}: one line`);
  }
  fake.refuseHead = () => ({ code: status.FAILED_PRECONDITION, details: 'long '.repeat(2_000) });
  assert.ok((await run('heads', 'show', 'demo')).err.length < 25_000);
});

test('predict', async (t) => {
  const { fake, run } = await start(t);
  const folder = temporaryFolder(t);
  for (const [index, [what, text]] of texts.entries()) {
    // As a file's name, where a file may have it.
    const name = `${text.replaceAll('\u0000', '').replaceAll('/', '_').slice(0, 60)}${index}`;
    const file = join(folder, name);
    writeFileSync(file, 'an image');
    fake.predict = () => text;
    fake.refusePrediction = () => undefined;
    const answered = await run('predict', '--head', 'demo', file);
    assert.equal(answered.code, 0, answered.err);
    checkRun(answered, what);
    const json = await run('predict', '--head', 'demo', file, '--json');
    checkRun(json, what);
    const [prediction] = jsonOf(json).predictions as { file: string; label: string }[];
    assert.deepEqual([prediction?.file, prediction?.label], [file, text], what);
    fake.refusePrediction = () => ({ code: status.INVALID_ARGUMENT, details: text });
    const refused = await run('predict', '--head', 'demo', file, `${file}-missing`);
    assert.equal(refused.code, 1);
    checkRun(refused, what);
    assert.equal(refused.out.trimEnd().split('\n').length, 2, `${what}: a line for each file`);
  }
});

test('feed', async (t) => {
  const { fake, run } = await start(t);
  const folder = temporaryFolder(t);
  let files = 0;
  for (const text of Object.values(hostileTexts)) {
    const name = text.replaceAll('\u0000', '').replaceAll('/', '_').slice(0, 60);
    for (const [label, file] of [
      [name, '1.jpg'],
      ['cat', `${name}.jpg`],
    ] as const) {
      mkdirSync(join(folder, label), { recursive: true });
      writeFileSync(join(folder, label, file), `image ${files++}`);
    }
  }
  const reasons = texts.map(([, text]) => text);
  fake.refusePrediction = (_, attempt) => ({
    code: status.INVALID_ARGUMENT,
    details: reasons[(attempt + fake.predictions.length) % reasons.length]!,
  });
  checkRun(await run('feed', '--data', folder, '--head', 'demo', '--patience', '1'), 'all are refused');
  for (const [what, text] of texts) {
    const one = temporaryFolder(t);
    mkdirSync(join(one, 'cat'));
    writeFileSync(join(one, 'cat', '1.jpg'), 'image');
    fake.head = { name: text, state: text };
    fake.refusePrediction = () => ({ code: status.INVALID_ARGUMENT, details: text });
    const fed = ['feed', '--data', one, '--head', 'demo', '--patience', '1', '--holdout', '0'];
    const run1 = await run(...fed);
    assert.equal(run1.code, 1);
    checkRun(run1, what);
    checkRun(await run(...fed, '--json'), what);
  }
});
