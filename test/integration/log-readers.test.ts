import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connectNats } from '../../src/learner/nats/connection/connection.js';
import type { LogReader } from '../../src/learner/nats/log/log-reader.js';
import { LogReaders } from '../../src/learner/nats/log/log-readers.js';
import { TrainingFeed } from '../../src/learner/nats/log/training-feed.js';
import { TrainingLog } from '../../src/learner/nats/log/training-log.js';
import { DEFAULT_STREAM_BYTES, streamConfigs, TRAINING_STREAM } from '../../src/learner/nats/streams/streams.js';
import type { HeadDefinition } from '../../src/learner/types.js';
import { lastFirst } from '../support/last-first.js';
import { natsMissing, startTestNats } from '../support/nats.js';
import { testDefinition } from '../support/test-log.js';
import { until } from '../support/until.js';

const options = { skip: natsMissing() };

/** Readers that all share one feed, and the stream that they read. */
async function setUp(t: TestContext) {
  const ends = lastFirst(t);
  const nats = await startTestNats({ t: ends });
  const link = await connectNats({ url: nats.url, name: 'test', log: () => {} });
  ends.after(() => link.close());
  const manager = await link.manager();
  const config = streamConfigs({ replicas: 1, windowMs: 1_000, bytes: DEFAULT_STREAM_BYTES }).find(
    ({ name }) => name === TRAINING_STREAM,
  );
  assert.ok(config);
  await manager.streams.add(config);
  const readers = new LogReaders(link, new TrainingLog(link), 0);
  let number = 0;
  /** Sequences of what was stored. */
  const append = async (head: HeadDefinition, count: number) => {
    const stored = Array.from({ length: count }, () =>
      link.jetstream().publish(`headwater.training.${head.name}.${head.generation}.${number++}`, 'x'.repeat(100)),
    );
    return (await Promise.all(stored)).map(({ seq }) => seq).sort((a, b) => a - b);
  };
  const open = (head: HeadDefinition, after = 0) => {
    const reader = readers.open(head, after, (problem) => assert.fail(problem));
    ends.after(() => reader.stop());
    return reader;
  };
  const consumers = async () => (await manager.streams.info(TRAINING_STREAM)).state.consumer_count;
  return { ends, nats, link, append, open, consumers };
}

/** Reads until so many have come. */
async function take(reader: LogReader, count: number, limit = 100): Promise<number[]> {
  const sequences: number[] = [];
  await until(
    `${count} entries have come`,
    async () => {
      sequences.push(...(await reader.next(limit, 200)).map(({ seq }) => seq));
      return sequences.length >= count;
    },
    { state: () => sequences.length },
  );
  return sequences;
}

test(
  'every entry comes once and in order: those from before, and those that come while they are read',
  options,
  async (t) => {
    const { append, open } = await setUp(t);
    const heads = ['a', 'b', 'c'].map((name) => testDefinition(name));
    const expected = new Map(heads.map((head) => [head.name, [] as number[]]));
    const grow = async (count: number) => {
      for (const head of heads) expected.get(head.name)?.push(...(await append(head, count)));
    };
    await grow(300);
    const growing = (async () => {
      for (let i = 0; i < 20; i++) await grow(20);
    })();
    const readers = heads.map((head) => open(head));
    const read = await Promise.all(readers.map((reader) => take(reader, 700, 50)));
    await growing;
    heads.forEach((head, index) => {
      assert.deepEqual(read[index], expected.get(head.name));
    });
    const from = expected.get('a')?.[650] as number;
    const late = open({ ...heads[0]!, generation: 2 });
    const again = await take(open(heads[1]!, from), expected.get('b')!.filter((sequence) => sequence > from).length);
    assert.deepEqual(
      again,
      expected.get('b')?.filter((sequence) => sequence > from),
    );
    assert.deepEqual(await late.next(10, 100), [], 'another generation has a log of its own');
  },
);

test('silent heads share one consumer, and whoever stops leaves it to the others', options, async (t) => {
  const { append, open, consumers } = await setUp(t);
  const heads = Array.from({ length: 20 }, (_, i) => testDefinition(`head${i}`));
  for (const head of heads) await append(head, 2);
  const readers = heads.map((head) => open(head));
  await Promise.all(readers.map((reader) => take(reader, 2)));
  await Promise.all(readers.map((reader) => reader.next(10, 100)));
  await until('one consumer is left', async () => (await consumers()) === 1);
  for (const reader of readers.slice(1)) await reader.stop();
  const [sequence] = await append(heads[0]!, 1);
  assert.deepEqual(await take(readers[0]!, 1), [sequence]);
});

test('a reader that is slow misses nothing, and holds nobody up', options, async (t) => {
  const { append, open } = await setUp(t);
  const [slow, quick] = [testDefinition('slow'), testDefinition('quick')];
  const [slowReader, quickReader] = [open(slow), open(quick)];
  assert.deepEqual(await slowReader.next(10, 300), []);
  assert.deepEqual(await quickReader.next(10, 300), []);
  const expected: number[] = [];
  for (let i = 0; i < 20; i++) expected.push(...(await append(slow, 100)));
  const after = await append(quick, 3);
  assert.deepEqual(await take(quickReader, 3), after, 'though two thousand entries wait for the other');
  assert.deepEqual(await take(slowReader, 2_000), expected);
  expected.push(...(await append(slow, 5)));
  assert.deepEqual(await take(slowReader, 5), expected.slice(-5));
});

test('a restart of nats-server loses and repeats nothing', options, async (t) => {
  const { nats, link, append, open } = await setUp(t);
  const head = testDefinition('a');
  const reader = open(head);
  const expected = await append(head, 50);
  assert.deepEqual(await take(reader, 50), expected);
  await nats.kill9();
  await nats.restart();
  await until('it is back', () => link.connected);
  await delay(100);
  const more = await append(head, 50);
  assert.deepEqual(await take(reader, 50), more);
});

test('the wait for entries ends when it is told to', options, async (t) => {
  const { open } = await setUp(t);
  const reader = open(testDefinition('a'));
  await reader.next(1, 50);
  const waiting = reader.next(1);
  reader.wake();
  assert.deepEqual(await waiting, []);
  const stopped = reader.next(1);
  await reader.stop();
  assert.deepEqual(await stopped, []);
});

test('who joins the feed in the moment in which the last one leaves is fed', options, async (t) => {
  const { link, append, ends } = await setUp(t);
  const feed = new TrainingFeed(link, new TrainingLog(link));
  const [a, b] = [testDefinition('a'), testDefinition('b')];
  const got: number[] = [];
  const first = { push: () => {} };
  const second = { push: ({ seq }: { seq: number }) => void got.push(seq) };
  await feed.join(a, first);
  const joined = feed.join(b, second);
  await Promise.all([feed.leave(a, first), joined]);
  ends.after(() => feed.leave(b, second));
  const stored = await append(b, 3);
  await until('the entries have come', () => got.length === 3);
  assert.deepEqual(got, stored);
});
