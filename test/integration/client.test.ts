// `headwater/client` against the whole server, whose backbone and learner's side are kept in memory.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeadwaterClient, type HeadwaterClientOptions, HeadwaterError } from '../../src/client/index.js';
import { FakeLearning } from '../support/fake-learning.js';
import { PETS, startTestServer, type TestServerOptions } from '../support/test-server.js';
import { until } from '../support/until.js';

type Context = { after(work: () => Promise<void> | void): void };

async function start(t: Context, options: TestServerOptions = {}, client: HeadwaterClientOptions = {}) {
  const learning = new FakeLearning();
  const server = await startTestServer({ learning, ...options });
  if (options.learning === undefined) learning.heads.teach('pets', PETS);
  const connected = new HeadwaterClient(server.address, client);
  t.after(async () => {
    connected.close();
    await server.close();
  });
  return { server, client: connected, learning };
}

async function errorOf(promise: Promise<unknown>): Promise<HeadwaterError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof HeadwaterError, String(error));
    return error;
  }
  throw new Error('it did not fail');
}

const EEL = { embedding: [0, 1, 5] };
const CAT = { embedding: [5, 1, 0] };

test('predict: each input, best classes, ids; an answer for each image', async (t) => {
  const { client, learning } = await start(t);
  const one = await client.predict('pets', EEL, { id: 'mine' });
  assert.deepEqual([one.id, one.head, one.version, one.label, one.recorded], ['mine', 'pets', 1, 'eel', true]);
  assert.equal(one.images[0]?.probabilities.length, 3);
  assert.ok(one.timings.computeMs >= 0);

  const both = await client.predict('pets', { embeddings: [EEL.embedding, CAT.embedding] }, { id: 'two', top: 2 });
  assert.deepEqual(
    both.images.map(({ id, label, top }) => [id, label, top.map(({ name }) => name)]),
    [
      ['two/0', 'eel', ['eel', 'dog']],
      ['two/1', 'cat', ['cat', 'dog']],
    ],
  );
  // The fake backbone gives [mean, mean + 1, mean + 2].
  const pixels = { pixels: new Uint8Array(48).fill(255), shape: [4, 4, 3] };
  assert.equal((await client.predict('pets', pixels)).label, 'eel');
  const input = { input: new Float32Array(48).fill(2), shape: [1, 3, 4, 4] };
  assert.deepEqual(await client.embed('tiny', input), [Float32Array.of(2, 3, 4)]);

  const unnamed = await client.predict('pets', EEL);
  assert.match(unnamed.id, /^[0-9a-f-]{36}$/);
  assert.equal(learning.recorded.at(-1)?.items[0]?.id, unnamed.id);
});

test('predict: several heads of one backbone in one request', async (t) => {
  const { client, learning } = await start(t, {
    set: ['heads=[{ name: pets, backbone: tiny }, { name: coats, backbone: tiny }]'],
  });
  learning.heads.teach('coats', { ...PETS, classes: ['long', 'short', 'none'] });
  const answers = await client.predictHeads(['pets', 'coats'], EEL, { id: 'x', top: 1 });
  assert.deepEqual(
    [...answers.values()].map(({ head, label, version, top }) => [head, label, version, top[0]?.name]),
    [
      ['pets', 'eel', 1, 'eel'],
      ['coats', 'none', 1, 'none'],
    ],
  );
});

test('errors have status and code, and what is wrong in the request is not tried again', async (t) => {
  let retries = 0;
  const { client } = await start(t, {}, { retry: { onRetry: () => retries++ } });
  const unknown = await errorOf(client.predict('nobody', EEL));
  assert.deepEqual([unknown.status, unknown.code], ['NOT_FOUND', 'model_unknown']);
  assert.match(unknown.message, /there are pets, tiny/);
  const wrong = await errorOf(client.predict('pets', { embedding: [1] }));
  assert.deepEqual([wrong.status, wrong.code], ['INVALID_ARGUMENT', 'tensor_invalid']);
  const damaged = await errorOf(client.predict('pets', { image: Buffer.from('no image') }));
  assert.equal(damaged.code, 'undecodable_image');
  await assert.rejects(client.predict('pets', { images: [] }), TypeError);
  assert.equal(retries, 0);
});

test('feedback: labels by id and samples, all or none', async (t) => {
  const { client, learning } = await start(t);
  const stored = await client.feedback('pets', [
    { id: 'mine', label: 'eel' },
    { label: 'cat', embedding: [1, 0, 0] },
  ]);
  assert.equal(stored.sequences.length, 2);
  const sent = learning.labels[0]?.labels ?? [];
  assert.deepEqual(
    sent.map(({ id, label, embedding }) => [id, label, embedding && [...embedding]]),
    [
      ['mine', 'eel', undefined],
      [stored.ids[1], 'cat', [1, 0, 0]],
    ],
  );
  const refused = await errorOf(client.feedback('pets', { id: 'x', label: '' }));
  assert.deepEqual([refused.status, refused.code], ['INVALID_ARGUMENT', 'invalid_argument']);
});

test('NATS away: labels are tried again until it is back, within their time', async (t) => {
  const waits: number[] = [];
  const { client, learning } = await start(t, {}, { retry: { firstDelayMs: 5, onRetry: (_, ms) => waits.push(ms) } });
  learning.connected = false;
  const label = client.feedback('pets', { id: 'a', label: 'eel' });
  await until('it is tried again', () => waits.length >= 2);
  learning.connected = true;
  assert.equal((await label).ids[0], 'a');
  learning.connected = false;
  const late = await errorOf(client.feedback('pets', { id: 'b', label: 'eel' }, { timeoutMs: 50 }));
  assert.ok(['UNAVAILABLE', 'DEADLINE_EXCEEDED'].includes(late.status), late.status);
});

test('a full queue: the wait is what the server asks for, and then it answers', async (t) => {
  const waits: { error: unknown; ms: number }[] = [];
  const { client, server } = await start(
    t,
    { backbone: { manual: true }, set: ['server.queueLimit=1'] },
    { retry: { onRetry: (error, ms) => waits.push({ error, ms }) } },
  );
  const pixels = { pixels: new Uint8Array(48), shape: [4, 4, 3] };
  const first = client.predict('pets', pixels);
  await until('the first runs', () => server.backbone.batches.length === 1);
  const answers = Promise.all([first, client.predict('pets', pixels), client.predict('pets', pixels)]);
  await until('one is refused', () => waits.length > 0);
  const finishing = setInterval(() => void server.backbone.finish(), 5);
  t.after(() => clearInterval(finishing));
  assert.equal((await answers).length, 3);
  for (const { error, ms } of waits) {
    const metadata = (error as { metadata: { get(key: string): unknown[] } }).metadata;
    assert.deepEqual(metadata.get('headwater-error'), ['queue_full']);
    assert.deepEqual(metadata.get('grpc-retry-pushback-ms'), [String(ms)]);
  }
});

test('deadline and cancellation reach the server: what waits is not run', async (t) => {
  const { client, server } = await start(t, { backbone: { manual: true }, set: ['batch.size=1'] });
  const pixels = { pixels: new Uint8Array(48), shape: [4, 4, 3] };
  // One batch runs and one is next: a third waits.
  const running = [client.predict('pets', pixels)];
  await until('the first runs', () => server.backbone.batches.length === 1);
  running.push(client.predict('pets', pixels));
  await until('the second is next', () => server.backbone.batches.length === 2);
  const late = await errorOf(client.predict('pets', pixels, { timeoutMs: 30 }));
  assert.equal(late.status, 'DEADLINE_EXCEEDED');
  const leaving = new AbortController();
  const given = client.predict('pets', pixels, { signal: leaving.signal });
  setTimeout(() => leaving.abort(new Error('enough')), 20);
  await assert.rejects(given, /enough/);
  await until('the server knows that both are over', async () => {
    const { body } = await server.get('/metrics');
    const ended = [...body.matchAll(/^headwater_requests_total{.*code="(?:CANCELLED|DEADLINE_EXCEEDED)".*} (\d+)$/gm)];
    return ended.reduce((sum, [, count]) => sum + Number(count), 0) === 2;
  });
  await server.backbone.finish();
  await server.backbone.finish();
  await Promise.all(running);
  assert.deepEqual(server.backbone.batches, [1, 1]);
});

test('a stream: in order, past a request that fails, several at once', async (t) => {
  const { client } = await start(t);
  const stream = client.predictStream({ window: 4 });
  const requests = Array.from({ length: 20 }, (_, index) => ({
    head: index === 3 ? 'nobody' : 'pets',
    id: `s-${index}`,
    ...(index % 2 === 0 ? EEL : CAT),
  }));
  const seen: string[] = [];
  for await (const result of stream.all(requests)) {
    if ('prediction' in result) seen.push(`${result.prediction.id} ${result.prediction.label}`);
    else {
      const { status, code, message } = result.error as HeadwaterError;
      assert.deepEqual([result.request.id, status, code], ['s-3', 'NOT_FOUND', 'model_unknown']);
      assert.match(message, /^no model "nobody"/);
    }
  }
  assert.deepEqual(
    seen,
    requests.flatMap(({ id }, index) => (index === 3 ? [] : [`${id} ${index % 2 === 0 ? 'eel' : 'cat'}`])),
  );
  await stream.close();
  assert.equal((await errorOf(stream.predict({ head: 'pets', ...EEL }))).status, 'CANCELLED');
});

test('a stream of labels: stored, refused, tried again', async (t) => {
  const { client, learning } = await start(t, {}, { retry: { firstDelayMs: 5 } });
  const stream = client.feedbackStream();
  const stored = await Promise.all([1, 2, 3].map((n) => stream.send('pets', { id: `l-${n}`, label: 'eel' })));
  assert.deepEqual(
    stored.map(({ ids }) => ids[0]),
    ['l-1', 'l-2', 'l-3'],
  );
  const refused = await errorOf(stream.send('nobody', { id: 'x', label: 'eel' }));
  assert.deepEqual([refused.status, refused.code], ['NOT_FOUND', 'head_unknown']);
  learning.connected = false;
  const later = stream.send('pets', { id: 'l-4', label: 'eel' });
  setTimeout(() => {
    learning.connected = true;
  }, 30);
  assert.deepEqual((await later).ids, ['l-4']);
  await stream.close();
});

test('a server that drains in the middle of a stream: what is not answered goes to the next one', async (t) => {
  const first = await startTestServer({ backbone: { manual: true }, set: ['batch.size=1'] });
  const { port } = new URL(`grpc://${first.address}`);
  const client = new HeadwaterClient(first.address, { retry: { firstDelayMs: 20, maxDelayMs: 100, attempts: 1000 } });
  t.after(() => client.close());
  const stream = client.predictStream({ window: 8 });
  const pixels = { pixels: new Uint8Array(48), shape: [4, 4, 3] };
  const answers = Array.from({ length: 6 }, (_, index) =>
    stream.predict({ head: 'pets', id: `d-${index}`, ...pixels }),
  );
  await until('the first is at work', () => first.backbone.batches.length >= 1);
  const closing = first.close();
  const finishing = setInterval(() => void first.backbone.finish(), 5);
  // Some come while it drains: they are not read any more.
  answers.push(stream.predict({ head: 'pets', id: 'd-6', ...pixels }));
  await closing;
  clearInterval(finishing);
  const second = await startTestServer({ set: [`server.grpcPort=${port}`] });
  t.after(() => second.close());
  const ids = (await Promise.all(answers)).map(({ id }) => id);
  assert.deepEqual(ids, ['d-0', 'd-1', 'd-2', 'd-3', 'd-4', 'd-5', 'd-6']);
  await stream.close();
});

test('nobody listens: tried again within its time, then UNAVAILABLE', async (t) => {
  let retries = 0;
  const client = new HeadwaterClient('127.0.0.1:1', {
    retry: { attempts: 3, firstDelayMs: 1, onRetry: () => retries++ },
  });
  t.after(() => client.close());
  const error = await errorOf(client.predict('pets', EEL));
  assert.deepEqual([error.status, error.code, retries], ['UNAVAILABLE', undefined, 2]);
});

test('heads: what there is, watched, pinned, made and deleted', async (t) => {
  const { client, learning } = await start(t);
  assert.deepEqual(
    (await client.heads.list()).map(({ name }) => name),
    ['pets'],
  );
  learning.heads.teach('pets', PETS);
  assert.equal((await client.heads.get('pets')).latestVersion, 2);
  assert.equal((await client.heads.rollback('pets', 1)).pinned, true);
  assert.equal((await client.heads.create({ name: 'coats', backbone: 'tiny' })).open, true);
  await client.heads.delete('coats', 0);
  assert.equal((await errorOf(client.heads.get('coats'))).code, 'head_unknown');
  for await (const head of client.heads.watch('pets', { intervalMs: 100 })) {
    assert.equal(head.servingVersion, 1);
    break;
  }
  const stop = new AbortController();
  const watching = client.heads.watch('pets', { signal: stop.signal });
  await watching.next();
  stop.abort(new Error('enough'));
  await assert.rejects(watching.next(), /enough/);
});
