import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Head__Output } from '../../protos/index.js';
import { classify, startLearning } from '../../src/learner/index.js';
import { natsMissing, startTestNats } from '../support/nats.js';
import { headwater, jsonOf } from '../support/run-headwater.js';
import { temporaryFolder } from '../support/test-learning.js';
import { rawFloats, readRawStrings, startTestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

// The commands of an operator, through the real server and the real learning: only the backbone is a fake.

const CLASSES = ['cat', 'dog', 'eel'];

/** How an image becomes an embedding, read from an exported file as the format's documentation says, with nothing of ours. */
function embeddingOfFile(file: string): Record<string, unknown> {
  const bytes = readFileSync(file);
  const header = bytes.toString('utf8', 8, 8 + Number(bytes.readBigUInt64LE(0)));
  return JSON.parse(JSON.parse(header).__metadata__.embedding);
}

/** An embedding of class `index`, with noise from `seed`. */
function embeddingOf(index: number, seed: number): number[] {
  return CLASSES.map((_, d) => (d === index ? 3 : 0) + Math.sin(seed * 7.13 + d * 3.7));
}

test('an operator renames, deletes, promotes, chooses learners, moves, pins and deletes', {
  skip: natsMissing(),
  timeout: 300_000,
}, async (t) => {
  const nats = await startTestNats({ t });
  const folder = temporaryFolder(t);
  const streams = ['labels', 'served', 'training', 'embed', 'dead', 'ids'].map((name) => `nats.streams.${name}=32MiB`);
  const server = await startTestServer({
    set: [`nats.url=${nats.url}`, `dataDir=${folder}`, 'snapshots.interval=50ms', ...streams],
    parts: { startLearning, classify },
  });
  t.after(() => server.close());
  await server.running.ready;

  const heads = async (...argv: string[]) => {
    const run = await headwater(['heads', ...argv, '--server', server.address, '--json']);
    assert.equal(run.code, 0, run.err);
    return jsonOf(run);
  };
  const show = async (name = 'pets') => (await heads('show', name)) as unknown as Head__Output;
  const answer = async (index: number, name = 'pets') => {
    const inputs = [{ name: 'embedding', datatype: 'FP32', shape: [1, 3] }];
    const rawInputContents = [rawFloats(...CLASSES.map((_, d) => (d === index ? 3 : 0)))];
    const { rawOutputContents } = await server.infer({ modelName: name, inputs, rawInputContents });
    return readRawStrings(rawOutputContents[0]!)[0];
  };
  const teach = (labels: { id: string; label: string; embedding: number[] }[], head = 'pets') =>
    new Promise((resolve, reject) => {
      server.teacher.Feedback({ head, labels }, (error, done) => (error ? reject(error) : resolve(done)));
    });
  const settled = async (samples: number, name = 'pets') => {
    let head: Head__Output | undefined;
    const done = async () => {
      head = await show(name);
      return (
        head.samples >= samples &&
        head.labelsWaiting === 0 &&
        head.snapshotSequence === head.logSequence &&
        head.servingVersion === head.latestVersion
      );
    };
    await until(`${samples} samples are served`, done, { state: () => head });
  };

  await teach(
    Array.from({ length: 90 }, (_, index) => {
      return { id: `s${index}`, label: CLASSES[index % 3]!, embedding: embeddingOf(index % 3, index) };
    }),
  );
  await settled(90);
  assert.deepEqual(await Promise.all([0, 1, 2].map((index) => answer(index))), CLASSES);

  // The act is answered once it has happened: the very next answer may still come from the version before.
  const renamed = await heads('rename-class', 'pets', 'cat', 'puma');
  assert.equal(renamed.applied, true);
  await until('the new name is served', async () => (await answer(0)) === 'puma');
  await teach([{ id: 'late', label: 'cat', embedding: embeddingOf(0, 99) }]);
  await settled(91);
  const puma = (await show()).classes.find(({ name }) => name === 'puma');
  assert.equal(puma?.samples, 31, 'a label with the old name counts for the new one');

  assert.equal((await heads('delete-class', 'pets', 'eel')).applied, true);
  await until('the class is gone', async () => (await answer(2)) !== 'eel');
  const unknown = await headwater(['heads', 'delete-class', 'pets', 'eel', '--server', server.address]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.err, /NOT_FOUND/);

  assert.equal((await heads('learners', 'pets', 'sgd', 'slda')).applied, true);
  await teach(
    Array.from({ length: 40 }, (_, index) => {
      return { id: `t${index}`, label: ['puma', 'dog'][index % 2]!, embedding: embeddingOf(index % 2, index) };
    }),
  );
  await settled(131);
  const trained = (await show()).learners.map(({ name }) => name);
  assert.deepEqual(trained.filter((name) => ['sgd', 'slda', 'rls', 'refit'].includes(name)).sort(), ['sgd', 'slda']);

  for (const candidate of ['slda', 'sgd']) {
    assert.equal((await heads('promote', 'pets', candidate)).applied, true);
    const { champion, serve, versions } = await show();
    assert.deepEqual([champion, serve, versions[0]?.champion], [candidate, candidate, candidate]);
  }
  assert.equal((await heads('promote', 'pets', 'auto')).applied, true);
  assert.equal((await show()).serve, 'auto');

  await heads('create', 'fresh', '--backbone', 'tiny', '--class', 'cat', '--class', 'dog');
  assert.equal((await heads('rename-class', 'fresh', 'cat', 'lynx')).applied, true, 'also without a version');
  assert.deepEqual((await show('fresh')).aliases, [{ from: 'cat', to: 'lynx' }]);

  const file = join(folder, 'pets.safetensors');
  const exported = await heads('export', 'pets', file);
  assert.ok((exported.version as number) > 0);
  const { output, ...told } = embeddingOfFile(file);
  const { size, resize, channels, scale, mean, std } = told;
  assert.deepEqual({ size, resize, channels, scale, mean, std }, server.backbone.image);
  assert.equal(output, server.backbone.info.output);
  await heads('import', 'moved', file, '--backbone', 'tiny');
  await until('the imported weights are served', async () => (await answer(1, 'moved').catch(() => '')) === 'dog');
  const moved = await show('moved');
  assert.equal(moved.champion, 'imported');
  assert.deepEqual(moved.classes.map(({ name }) => name).sort(), ['dog', 'puma']);

  const { latestVersion, versions } = await show();
  const oldest = versions.at(-1)!.version;
  assert.equal((await heads('pin', 'pets', String(oldest))).servingVersion, oldest);
  assert.equal((await heads('unpin', 'pets')).servingVersion, latestVersion);

  const wrong = await headwater([
    ...['heads', 'delete', 'moved', '--version', String(moved.latestVersion + 1), '--yes'],
    ...['--server', server.address],
  ]);
  assert.match(wrong.err, /FAILED_PRECONDITION/);
  await heads('delete', 'moved', '--version', String(moved.latestVersion), '--yes');
  const { heads: left } = (await heads('list')) as unknown as { heads: Head__Output[] };
  assert.deepEqual(
    left.map(({ name }) => name),
    ['fresh', 'pets'],
  );
  const { body } = await server.get('/metrics');
  assert.match(body, /^headwater_champion_info\{head="pets",learner="(sgd|slda|blend)"\} 1$/m);
  assert.match(body, /^headwater_head_taught\{head="pets"\} 1$/m);
});
