import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { connect } from 'nats';
import { decodeHeadFile } from '../../src/learner/heads/files/safetensors.js';
import { defaultLearnerOptions, learnerKinds } from '../../src/learner/index.js';
import { estimateBytes } from '../../src/learner/learners/create.js';
import { lastFirst } from '../support/last-first.js';
import { natsMissing, startTestNats } from '../support/nats.js';
import { readStream } from '../support/read-stream.js';
import {
  DIMENSIONS,
  embeddingOf,
  headRequest,
  startTestLearning,
  type TestLearning,
  type TestLearningOptions,
} from '../support/test-learning.js';
import { storedVersions, undisturbedFold } from '../support/undisturbed-fold.js';
import { until } from '../support/until.js';

const options = { skip: natsMissing() };
const classes = ['cat', 'dog', 'emu'];

async function setUp(t: TestContext, overrides: TestLearningOptions = {}) {
  const ends = lastFirst(t);
  const nats = await startTestNats({ t: ends });
  const told: string[] = [];
  const log = (_: string, line: string) => void told.push(line);
  return { ends, nats, told, system: await startTestLearning(ends, nats.url, { ...overrides, log }) };
}

async function teach({ learning }: TestLearning, from: number, to: number, head = 'pets'): Promise<void> {
  const labels = Array.from({ length: to - from }, (_, i) => ({
    id: `s${from + i}`,
    label: classes[(from + i) % 3] as string,
    embedding: [...embeddingOf((from + i) % 3, from + i)],
  }));
  await learning.publishLabels(head, labels);
}

test('acts take their place in the log, and the fold follows them', options, async (t) => {
  const { system, nats, ends, told } = await setUp(t);
  const { heads } = system.learning;
  await teach(system, 0, 90);
  await system.trained(90);
  const names = () => heads.serving('pets').model?.classes;
  const done = async (sequence: number) => {
    const reached = () => system.status().snapshotSequence >= sequence;
    await until(`position ${sequence} is stored`, reached, { state: () => system.problems });
    await until('it is served', () => system.status().servingVersion === system.status().latestVersion);
  };

  await done(
    await heads.act('pets', { kind: 'rename_class', from: 'emu', to: 'e\u0301mu \u001b'.replace('\u001b', 'x') }),
  );
  assert.deepEqual([...(names() ?? [])].sort(), ['cat', 'dog', 'ému x']);
  await done(await heads.act('pets', { kind: 'delete_class', name: 'dog' }));
  assert.deepEqual([...(names() ?? [])].sort(), ['cat', 'ému x']);
  await done(await heads.act('pets', { kind: 'promote', candidate: 'rls' }));
  const { statistics, versions } = system.status();
  assert.deepEqual([statistics.champion, statistics.serve, versions[0]?.champion], ['rls', 'rls', 'rls']);
  assert.ok(told.some((line) => line.includes('"emu" renamed to "ému x"')));
  assert.ok(told.some((line) => line.includes('rls serves instead of')));
  await done(await heads.act('pets', { kind: 'set_learners', learners: ['rls', 'sgd'] }));
  assert.deepEqual(
    new Set(system.status().statistics.candidates.map(({ name }) => name)),
    new Set(['sgd', 'rls', 'blend']),
  );

  const unknown = { code: 'class_unknown', message: /has no class "owl"; it has: "/ };
  await assert.rejects(heads.act('pets', { kind: 'delete_class', name: 'owl' }), unknown);
  await assert.rejects(heads.act('pets', { kind: 'rename_class', from: 'owl', to: 'x' }), unknown);
  for (const bad of [
    { kind: 'rename_class', from: 'cat', to: 'ému x' },
    { kind: 'rename_class', from: 'cat', to: 'a\nb' },
    { kind: 'set_learners', learners: [] },
    { kind: 'set_learners', learners: ['best' as 'sgd'] },
    { kind: 'promote', candidate: 'slda' },
    { kind: 'promote', candidate: 'best' as 'sgd' },
  ] as const) {
    await assert.rejects(heads.act('pets', bad), { code: 'invalid_argument' }, JSON.stringify(bad));
  }
  await assert.rejects(heads.act('nobody', { kind: 'promote', candidate: null }), { code: 'head_unknown' });
  await system.learning.close();
  const client = await connect({ servers: nats.url });
  ends.after(() => client.close());
  const truth = await undisturbedFold(client, 'pets');
  assert.equal((await storedVersions(client, 'pets'))[0]?.stateDigest, truth.stateDigest);
});

test('a head moves to another name with its weights, and goes on learning', options, async (t) => {
  const { system, nats, ends } = await setUp(t);
  const { heads } = system.learning;
  await assert.rejects(heads.export('pets', 0), { code: 'version_unknown' });
  await teach(system, 0, 60);
  await system.trained(60);
  const embedding = '{"size":224,"mean":[0.5,0.5,0.5]}';
  const exported = await heads.export('pets', 0, embedding);
  const served = heads.serving('pets');
  const file = decodeHeadFile(exported.bytes);
  assert.deepEqual(
    [exported.version, file.version, file.classes, file.weights, file.embedding],
    [served.version, served.version, served.model?.classes, served.model?.weights, embedding],
  );

  const other = { backboneIdentity: 'another-backbone' };
  const wrong = { code: 'invalid_argument' };
  await assert.rejects(heads.import(headRequest('moved', other), exported.bytes), wrong);
  const differing = '{"size":192,"mean":[0.5,0.5,0.5]}';
  await assert.rejects(heads.import(headRequest('moved', other), exported.bytes, differing), {
    message: /is another one \(another-back\): size 224 there and 192 here$/,
  });
  await assert.rejects(heads.import(headRequest('moved', { dimensions: 5 }), exported.bytes), wrong);
  await assert.rejects(heads.import(headRequest('moved', { maxClasses: 2 }), exported.bytes), wrong);
  await assert.rejects(heads.import(headRequest('moved'), exported.bytes.subarray(0, 100)), wrong);
  assert.equal(heads.status('moved'), undefined, 'nothing was made');
  await assert.rejects(heads.import(headRequest('pets'), exported.bytes), { code: 'head_exists' });

  await heads.import(headRequest('moved'), exported.bytes);
  await until('it serves what was imported', () => heads.status('moved')?.servingVersion === 1);
  const { model } = heads.serving('moved');
  assert.deepEqual(model?.classes, served.model?.classes);
  assert.equal(heads.status('moved')?.statistics.champion, 'imported');
  await teach(system, 0, 60, 'moved');
  await system.trained(60, 'moved');

  // Versions go, the imported weights stay: another process folds the log from its beginning.
  await system.learning.close();
  const client = await connect({ servers: nats.url });
  ends.after(() => client.close());
  const kv = await client.jetstream().views.kv('headwater-heads');
  await kv.delete('moved.latest');
  const again = await startTestLearning(ends, nats.url);
  await again.trained(60, 'moved');
  assert.deepEqual(again.problems, []);
  assert.ok(again.status('moved').statistics.candidates.some(({ name }) => name === 'imported'));
  await again.learning.heads.delete('moved', again.status('moved').latestVersion);
  const objects = await client.jetstream().views.os('headwater-heads');
  const left = async () => (await objects.list()).filter(({ name, deleted }) => name.startsWith('moved/') && !deleted);
  await until('nothing of a deleted head stays', async () => (await left()).length === 0);
});

test('heads get all learners while there is memory for them', options, async (t) => {
  const heads = ['a', 'b', 'c'].map((name) => headRequest(name, { maxClasses: 4 }));
  const setting = { dimensions: DIMENSIONS, options: defaultLearnerOptions };
  const all = learnerKinds.reduce((sum, kind) => sum + estimateBytes(kind, setting, 4), 0);
  const { system, nats } = await setUp(t, { heads, learn: { memoryBytes: 1.5 * all } });
  for (const { name } of heads) await teach(system, 0, 30, name);
  for (const { name } of heads) await system.trained(30, name);
  const rich = heads.filter(({ name }) => system.status(name).statistics.candidates.length > 2);
  assert.equal(rich.length, 1);
  const name = rich[0]?.name as string;
  assert.equal((await readStream(nats.url, 'HEADWATER_TRAINING')).length, 91, 'one act');
  await system.learning.heads.delete(name, system.status(name).latestVersion);
  const next = () => heads.filter((head) => system.learning.heads.status(head.name) && head.name !== name);
  const nowRich = () => next().filter((head) => system.status(head.name).statistics.candidates.length > 2).length;
  await until('its room goes to another', () => nowRich() === 1);
});

for (const kind of ['fixed', 'open'] as const) {
  test(
    `labels may use the new and the former names of renamed classes, and no deleted ones: ${kind} list`,
    options,
    async (t) => {
      const list = kind === 'fixed' ? classes : ('open' as const);
      const { system } = await setUp(t, { heads: [headRequest('pets', { classes: list, maxClasses: 3 })] });
      const { heads } = system.learning;
      await teach(system, 0, 30);
      await system.trained(30);
      const stored = async (sequence: number) =>
        until(`position ${sequence} is stored`, () => system.status().snapshotSequence >= sequence);
      await stored(await heads.act('pets', { kind: 'rename_class', from: 'cat', to: 'feline' }));
      const label = async (name: string, index: number) => {
        const id = `${name} ${index}`;
        await system.learning.publishLabels('pets', [{ id, label: name, embedding: [...embeddingOf(index, 1)] }]);
      };
      await label('cat', 0);
      await label('feline', 0);
      await system.trained(32);
      assert.deepEqual(system.deadLetters, []);
      const feline = system.status().statistics.classes.find(({ name }) => name === 'feline');
      assert.equal(feline?.samples, 12);
      await label('owl', 3);
      const reason = kind === 'fixed' ? 'unknown_class' : 'class_limit';
      await until('there is no room for another', () => system.deadLetters.length === 1);
      assert.deepEqual(system.deadLetters, [{ head: 'pets', reason }]);

      await stored(await heads.act('pets', { kind: 'delete_class', name: 'dog' }));
      await label('dog', 1);
      if (kind === 'fixed') {
        await until('a deleted class is refused', () => system.deadLetters.length === 2);
        assert.equal(system.status().statistics.skipped, 0, 'and takes no place in the log');
      } else {
        // It makes room for another one, which may be called so again.
        await system.trained(33 - 10);
        assert.equal(system.deadLetters.length, 1);
      }
    },
  );
}
