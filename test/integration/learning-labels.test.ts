import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'nats';
import { lastFirst } from '../support/last-first.js';
import { natsMissing, startTestNats } from '../support/nats.js';
import { readStream } from '../support/read-stream.js';
import { embeddingOf, headRequest, startTestLearning, type TestLearning } from '../support/test-learning.js';
import { until } from '../support/until.js';

const options = { skip: natsMissing() };
const classes = ['cat', 'dog', 'emu'];

async function serve({ learning }: TestLearning, id: string, index: number, predicted = ''): Promise<boolean> {
  const item = { id, predicted, embedding: embeddingOf(index, id.length + index) };
  return learning.recordServed(learning.heads.serving('pets'), [item]);
}

async function setUp(t: TestContext, overrides: Parameters<typeof startTestLearning>[2] = {}) {
  const ends = lastFirst(t);
  const nats = await startTestNats({ t: ends });
  const system = await startTestLearning(ends, nats.url, overrides);
  const client = await connect({ servers: nats.url });
  ends.after(() => client.close());
  const deadLetters = () => readStream(nats.url, 'HEADWATER_DEAD');
  return { system, client, nats, ends, deadLetters, jetstream: client.jetstream() };
}

test('labels of answered requests teach once, whatever is sent twice', options, async (t) => {
  const { system } = await setUp(t);
  for (let i = 0; i < 60; i++) {
    // An answer waits for its record for 50 ms only, which a loaded machine may take.
    const isRecorded = () => serve(system, `r${i}`, i % 3, i < 30 ? '' : (classes[i % 3] as string));
    await until('the answer is recorded', isRecorded);
    await system.learning.publishLabels('pets', [{ id: `r${i}`, label: classes[i % 3] as string }]);
    if (i % 2 === 0) await system.learning.publishLabels('pets', [{ id: `r${i}`, label: 'other' }]);
  }
  await system.trained(60);
  const { statistics } = system.status();
  assert.equal(statistics.samples, 60);
  assert.deepEqual(system.learning.labelResults('pets'), { trained: 60, duplicate: 30 });
  assert.deepEqual(
    statistics.classes.map(({ name, samples }) => [name, samples]),
    [
      ['cat', 20],
      ['dog', 20],
      ['emu', 20],
    ],
  );
  // Empty answers (nothing learned yet) stay out of served accuracy.
  assert.equal(statistics.servedLabelled, 30);
  assert.equal(statistics.servedCorrect, 30);
  assert.deepEqual(system.problems, []);
});

test('one id counts once, as a join and as a sample', options, async (t) => {
  const { system, jetstream, deadLetters } = await setUp(t);
  await serve(system, 'x', 0);
  await system.learning.publishLabels('pets', [{ id: 'x', label: 'cat' }]);
  await system.trained(1);
  const embedding = [...embeddingOf(1, 1)];
  await jetstream.publish('headwater.label.pets', JSON.stringify({ id: 'x', embedding, label: 'dog' }));
  // Without ids every message is a sample of its own.
  for (let i = 0; i < 3; i++)
    await jetstream.publish('headwater.label.pets', JSON.stringify({ embedding, label: 'dog' }));
  await system.trained(4);
  assert.deepEqual(system.learning.labelResults('pets'), { trained: 4, duplicate: 1 });
  assert.deepEqual(await deadLetters(), []);
});

test('the last record before the label wins; later ones do not change what was judged', options, async (t) => {
  const { system } = await setUp(t);
  await serve(system, 'x', 0, 'dog');
  await serve(system, 'x', 1, 'cat');
  await delay(5);
  await system.learning.publishLabels('pets', [{ id: 'x', label: 'cat' }]);
  await serve(system, 'x', 2, 'emu');
  await system.trained(1);
  assert.equal(system.status().statistics.servedCorrect, 1);
});

test('a label may come before its record; without one it becomes a dead letter after the grace', options, async (t) => {
  const { system, deadLetters } = await setUp(t, { labels: { graceMs: 3_000 } });
  await system.learning.publishLabels('pets', [
    { id: 'early', label: 'cat' },
    { id: 'early', label: 'dog' },
    { id: 'never', label: 'cat' },
  ]);
  await until('the labels are parked', async () => (await system.learning.heads.progress('pets')).labelsWaiting >= 3);
  await delay(200);
  await serve(system, 'early', 0);
  await until('the early label is trained', () => system.status().statistics.samples === 1, {
    state: () => system.problems,
  });
  assert.equal(system.status().statistics.classes[0]?.name, 'cat', 'the first label of an id wins');
  await until('the other one is given up', async () => (await deadLetters()).length === 1);
  const [letter] = await deadLetters();
  assert.equal(letter?.header.get('Headwater-Reason'), 'unknown_id');
  assert.equal(letter?.string(), '{"id":"never","label":"cat"}');
  assert.deepEqual(system.learning.labelResults('pets'), { trained: 1, duplicate: 1, unknown_id: 1 });
  assert.equal((await system.learning.heads.progress('pets')).labelsWaiting, 0);
});

test('a label that comes after the window is late', options, async (t) => {
  const { system, deadLetters } = await setUp(t, { labels: { windowMs: 300 } });
  await serve(system, 'old', 0);
  await delay(400);
  await system.learning.publishLabels('pets', [{ id: 'old', label: 'cat' }]);
  await until('the label is given up', async () => (await deadLetters()).length === 1);
  assert.equal((await deadLetters())[0]?.header.get('Headwater-Reason'), 'late');
  assert.deepEqual(system.learning.labelResults('pets'), { late: 1 });
});

test(
  'what cannot be used becomes a dead letter with its reason, unchanged, and the good ones go on',
  options,
  async (t) => {
    const { system, jetstream, deadLetters } = await setUp(t, {
      heads: [headRequest('pets', { classes: ['cat', 'dog'] }), headRequest('small', { maxClasses: 1 })],
    });
    const bad: [string, string, string][] = [
      ['headwater.label.pets', '', 'invalid'],
      ['headwater.label.pets', 'not json', 'invalid'],
      ['headwater.label.pets', 'x'.repeat(1_000_000), 'invalid'],
      ['headwater.label.pets', '{"id":"a","label":"a\\r\\nb"}', 'invalid'],
      ['headwater.label.pets', '{"id":"a","label":"emu"}', 'unknown_class'],
      ['headwater.label.pets', '{"embedding":[1,2],"label":"cat"}', 'invalid'],
      ['headwater.label.nobody', '{"id":"a","label":"cat"}', 'unknown_head'],
      ['headwater.label.a.b', '{"id":"a","label":"cat"}', 'unknown_head'],
    ];
    for (const [subject, payload] of bad) await jetstream.publish(subject, payload);
    const embedding = [...embeddingOf(0, 1)];
    await jetstream.publish('headwater.label.pets', JSON.stringify({ embedding, label: 'cat' }));
    await jetstream.publish('headwater.label.small', JSON.stringify({ embedding, label: 'one' }));
    await system.trained(1);
    await system.trained(1, 'small');
    await jetstream.publish('headwater.label.small', JSON.stringify({ embedding, label: 'two' }));
    await until('all are given up', async () => (await deadLetters()).length === bad.length + 1);
    const letters = await deadLetters();
    const told = letters.map((letter) => [
      letter.header.get('Headwater-Subject'),
      letter.string(),
      letter.header.get('Headwater-Reason'),
    ]);
    const expected = [...bad, ['headwater.label.small', JSON.stringify({ embedding, label: 'two' }), 'class_limit']];
    assert.deepEqual(told.sort(), expected.sort());
    assert.equal(system.status().statistics.samples, 1);
  },
);

test('hostile ids and class names teach like any other', options, async (t) => {
  const { system } = await setUp(t);
  const texts = ['a b', '*', '>', 'a/b', 'x.y.*', '../../etc/passwd', 'é🐈', '"\\', '$JS.API.>'];
  for (const text of texts) {
    await serve(system, text, 0);
    await system.learning.publishLabels('pets', [{ id: text, label: text }]);
  }
  await system.trained(texts.length);
  assert.deepEqual(
    system
      .status()
      .statistics.classes.map(({ name }) => name)
      .sort(),
    [...texts].sort(),
  );
});

test('a flood of labels with unknown ids does not hold up the good ones', options, async (t) => {
  const flood = process.env.HEADWATER_TEST_FULL ? 100_000 : 10_000;
  const { system, client } = await setUp(t, { labels: { graceMs: 15_000 } });
  for (let i = 0; i < 20; i++) await serve(system, `good${i}`, i % 3);
  for (let i = 0; i < flood; i++) {
    client.publish('headwater.label.pets', `{"id":"unknown${i}","label":"cat"}`);
    if (i % 5_000 === 0) await client.flush();
  }
  await client.flush();
  // They are behind the whole flood, and one comes before its record.
  await system.learning.publishLabels('pets', [{ id: 'early', label: 'cat' }]);
  const labels = Array.from({ length: 20 }, (_, i) => ({ id: `good${i}`, label: classes[i % 3] as string }));
  await system.learning.publishLabels('pets', labels);
  await until('the good labels are trained', () => system.status().statistics.samples === 20, { timeoutMs: 120_000 });
  await serve(system, 'early', 0);
  await until('the early label is trained', () => system.status().statistics.samples === 21, { timeoutMs: 120_000 });
  const unknown = () => system.learning.labelResults('pets').unknown_id ?? 0;
  await until('the flood is given up', () => unknown() === flood, { timeoutMs: 300_000, state: unknown });
  assert.equal(system.status().statistics.samples, 21);
});
