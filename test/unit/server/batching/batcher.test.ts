import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Images } from '../../../../src/engine/index.js';
import { type AdmitRequest, Batcher } from '../../../../src/server/batching/batcher.js';
import { StatusError } from '../../../../src/server/errors.js';
import { FakeBackbone } from '../../../support/fake-backbone.js';

const PER_IMAGE = 4 * 4 * 3;

/** Images whose every value is `first`, `first + 1`, ... */
function pixels(count: number, first = 0): Images {
  const data = new Uint8Array(count * PER_IMAGE);
  for (let index = 0; index < count; index++) data.fill(first + index, index * PER_IMAGE, (index + 1) * PER_IMAGE);
  return { kind: 'pixels', count, data };
}

function ask(images: number, { deadlineMs, signal }: Partial<AdmitRequest> = {}): AdmitRequest {
  return { images, bytes: images * PER_IMAGE, client: 'somebody', priority: 'inference', deadlineMs, signal };
}

function setUp(options: { size?: number; waitMs?: number; queueLimit?: number; manual?: boolean } = {}) {
  const backbone = new FakeBackbone({ manual: options.manual ?? true });
  const batcher = new Batcher(backbone, { size: 4, waitMs: 0, queueLimit: 100, ...options });
  const embed = (
    count: number,
    first = 0,
    extra: { deadlineMs?: number; signal?: AbortSignal; onStart?: () => void } = {},
  ) => batcher.admit(ask(count, extra)).submit(pixels(count, first), { ...extra });
  return { backbone, batcher, embed };
}

const firsts = (embeddings: Float32Array) => Array.from(embeddings).filter((_, index) => index % 3 === 0);
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('an idle backbone starts at once; while it runs, requests collect', async () => {
  const { backbone, embed } = setUp();
  const results = [embed(1, 10), embed(1, 20), embed(1, 30)];
  assert.deepEqual(backbone.batches, [1]);
  await backbone.finish();
  assert.deepEqual(backbone.batches, [1, 2]);
  await backbone.finish();
  assert.deepEqual(
    (await Promise.all(results)).map(({ embeddings }) => firsts(embeddings)),
    [[10], [20], [30]],
  );
});

test('behind a running batch exactly one full batch is prefetched', async () => {
  const { backbone, batcher, embed } = setUp();
  const results = Array.from({ length: 14 }, (_, index) => embed(1, index));
  assert.deepEqual(backbone.batches, [1, 4]);
  assert.equal(batcher.depth, 9);
  await backbone.finish();
  assert.deepEqual(backbone.batches, [1, 4, 4]);
  for (let batch = 0; batch < 4; batch++) await backbone.finish();
  const rows = (await Promise.all(results)).map(({ embeddings }) => firsts(embeddings)[0]);
  assert.deepEqual(
    rows,
    Array.from({ length: 14 }, (_, index) => index),
  );
});

test('a large request is split, its rows stay in order, and it starts once', async () => {
  const { backbone, embed } = setUp({ manual: false });
  let starts = 0;
  const { embeddings } = await embed(11, 100, { onStart: () => starts++ });
  assert.deepEqual(backbone.batches, [4, 4, 3]);
  assert.deepEqual(
    firsts(embeddings),
    Array.from({ length: 11 }, (_, index) => 100 + index),
  );
  assert.equal(starts, 1);
});

test('float and byte images share a batch', async () => {
  const { backbone, batcher, embed } = setUp();
  const first = embed(1);
  const bytes = embed(1, 7);
  const floats = batcher.admit(ask(1)).submit({ kind: 'input', count: 1, data: new Float32Array(PER_IMAGE).fill(0.5) });
  await backbone.finish();
  await backbone.finish();
  assert.deepEqual(backbone.batches, [1, 2]);
  await first;
  assert.deepEqual([firsts((await bytes).embeddings), firsts((await floats).embeddings)], [[7], [0.5]]);
});

test('with a wait, an idle backbone lets a batch fill, but no longer than that', async () => {
  const { backbone, embed } = setUp({ waitMs: 30, manual: false });
  const few = [embed(1), embed(1)];
  assert.deepEqual(backbone.batches, []);
  await Promise.all(few);
  assert.deepEqual(backbone.batches, [2]);
  const full = [embed(2), embed(2)];
  assert.deepEqual(backbone.batches, [2, 4], 'a full batch does not wait');
  await Promise.all(full);
});

test('a full queue refuses at once, with a delay to wait; permits count', async () => {
  const { backbone, batcher, embed } = setUp({ queueLimit: 6 });
  const running = embed(1);
  const permit = batcher.admit(ask(4));
  const waiting = embed(2);
  assert.equal(batcher.depth, 6);
  assert.throws(
    () => batcher.admit(ask(1)),
    (error) =>
      error instanceof StatusError &&
      error.code === 'queue_full' &&
      error.retryDelayMs! >= 10 &&
      /queueLimit/.test(error.message),
  );
  permit.release();
  permit.release();
  assert.equal(batcher.depth, 2);
  await backbone.finish();
  await backbone.finish();
  await Promise.all([running, waiting]);
  assert.equal(batcher.depth, 0);
});

test('a cancelled request leaves the queue and is never run', async () => {
  const { backbone, batcher, embed } = setUp();
  const first = embed(1);
  const controller = new AbortController();
  const cancelled = assert.rejects(embed(2, 0, { signal: controller.signal }), { code: 'cancelled' });
  const last = embed(1, 9);
  assert.equal(batcher.depth, 3);
  controller.abort();
  assert.equal(batcher.depth, 1);
  await backbone.finish();
  await backbone.finish();
  await Promise.all([first, cancelled]);
  assert.deepEqual(firsts((await last).embeddings), [9]);
  assert.deepEqual(backbone.batches, [1, 1]);
});

test('a request whose deadline passes while it waits is not run', async () => {
  const { backbone, embed } = setUp();
  const first = embed(1);
  const late = assert.rejects(embed(1, 0, { deadlineMs: Date.now() + 5 }), { code: 'deadline_exceeded' });
  await new Promise((resolve) => setTimeout(resolve, 20));
  await backbone.finish();
  await late;
  await first;
  assert.deepEqual(backbone.batches, [1]);
});

test('a deadline that is past is refused at the door', () => {
  const { batcher } = setUp();
  assert.throws(() => batcher.admit(ask(1, { deadlineMs: Date.now() - 1 })), { code: 'deadline_exceeded' });
  assert.equal(batcher.depth, 0);
});

test('a start that fails fails its request only', async () => {
  const { backbone, embed } = setUp({ manual: false });
  const bad = embed(1, 0, {
    onStart: () => {
      throw new StatusError('head_unknown', 'gone');
    },
  });
  await assert.rejects(bad, { code: 'head_unknown' });
  assert.deepEqual(firsts((await embed(1, 5)).embeddings), [5]);
  assert.deepEqual(backbone.batches, [1]);
});

test('a batch that fails fails its requests, and the next one runs', async () => {
  const { backbone, batcher, embed } = setUp({ manual: false });
  backbone.failure = new Error('boom');
  await assert.rejects(embed(9), /boom/);
  assert.equal(batcher.depth, 0);
  backbone.failure = undefined;
  assert.deepEqual(firsts((await embed(1, 3)).embeddings), [3]);
});

test('closing refuses what waits and lets the rest end', async () => {
  const { backbone, batcher, embed } = setUp();
  const running = embed(1, 1);
  const waiting = assert.rejects(embed(2), { code: 'draining' });
  const permit = batcher.admit(ask(1));
  batcher.close();
  await waiting;
  await assert.rejects(permit.submit(pixels(1)), { code: 'draining' });
  assert.throws(() => batcher.admit(ask(1)), { code: 'draining' });
  await backbone.finish();
  assert.deepEqual(firsts((await running).embeddings), [1]);
  await turn();
});
