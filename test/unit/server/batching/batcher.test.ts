import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Images } from '../../../../src/engine/index.js';
import { type AdmitRequest, Batcher, type BatcherOptions } from '../../../../src/server/batching/batcher.js';
import { StatusError } from '../../../../src/server/errors.js';
import { FakeBackbone } from '../../../support/fake-backbone.js';
import { numbered, SimulatedBackbone, SimulatedClock } from './simulation.js';

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

/** A batcher on a simulated clock whose engine takes 10 ms a batch and 5 ms an image, measured already. */
async function simulated(options: Partial<BatcherOptions> = {}) {
  const clock = new SimulatedClock();
  const backbone = new SimulatedBackbone(clock, 10, 5);
  const batcher = new Batcher(backbone, { size: 8, waitMs: 0, queueLimit: 100, clock, ...options });
  let next = 1;
  const embed = (count: number, extra: Partial<AdmitRequest> & { timeoutMs?: number } = {}) => {
    const { timeoutMs, ...rest } = extra;
    const deadlineMs = timeoutMs === undefined ? undefined : clock.unix() + timeoutMs;
    const first = next;
    next += count;
    const common = { images: count, bytes: 12 * count, client: 'a', priority: 'inference' as const, deadlineMs };
    return batcher.admit({ ...common, ...rest }).submit(numbered(first, count));
  };
  for (let images = 1; images <= 8; images++) {
    void embed(images);
    await clock.pass(100);
  }
  backbone.batches.length = 0;
  const began = clock.time;
  return { clock, backbone, batcher, embed, began };
}

test('a partial batch grows until just before the running one ends, and the engine does not idle', async () => {
  const { clock, backbone, embed, began } = await simulated();
  void embed(8);
  await clock.pass(20);
  void embed(2);
  await clock.pass(15);
  void embed(3);
  assert.equal(backbone.batches.length, 1, 'it still grows');
  await clock.pass(14);
  const [, second] = backbone.batches;
  assert.equal(second!.images.length, 5);
  assert.ok(second!.at - began > 40, `handed over ${second!.at - began} ms after the first, which takes 50`);
  await clock.pass(100);
  assert.equal(second!.began, began + 50, 'it runs when the first one has ended');
});

test('the wait for a batch to fill ends in time for a deadline', async () => {
  const { clock, backbone, embed } = await simulated({ waitMs: 100 });
  let answered = false;
  void embed(1, { timeoutMs: 60 }).then(() => {
    answered = true;
  });
  await clock.pass(20);
  assert.equal(backbone.batches.length, 0);
  await clock.pass(40);
  assert.ok(answered);
});

test('a batch that ends sooner than expected is followed at once', async () => {
  const { clock, backbone, embed, began } = await simulated();
  backbone.imageMs = 1;
  void embed(8);
  void embed(1);
  await clock.pass(200);
  assert.equal(backbone.batches[1]!.at, began + 18);
});

test('an expired request is told at its deadline, frees its place, and costs one timer for all', async () => {
  const { clock, backbone, batcher, embed } = await simulated();
  backbone.imageMs = 100;
  void embed(8);
  void embed(8);
  const ends: number[] = [];
  const before = clock.set;
  for (let index = 0; index < 20; index++) {
    const start = clock.time;
    embed(1, { timeoutMs: 400 + index, client: `c${index}` }).catch((error) => {
      assert.equal(error.code, 'deadline_exceeded');
      ends.push(clock.time - start);
    });
  }
  assert.ok(clock.set - before <= 2, `${clock.set - before} timers`);
  assert.equal(batcher.depth, 20);
  await clock.pass(425);
  assert.equal(ends.length, 20);
  for (const [index, end] of ends.entries()) assert.ok(end >= 400 + index && end <= 402 + index, `${end}`);
  assert.deepEqual([batcher.depth, batcher.bytes], [0, 0]);
  assert.equal(batcher.counts.dropped.expired, 20);
});

test('a deadline that the speed does not allow is refused at the door; the same one is taken when less is in front', async () => {
  const { batcher, embed } = await simulated();
  // 50 ms run; 4 images more, and it itself: 35 ms.
  void embed(8);
  void embed(4);
  assert.throws(() => void embed(1, { timeoutMs: 80 }), {
    code: 'deadline_exceeded',
    message: /not run.*deadline is in 80 ms/,
  });
  assert.equal(batcher.counts.refused.deadline, 1);
  void embed(1, { timeoutMs: 120 });
  // Of another client's line only what goes before counts.
  for (let index = 0; index < 40; index++) void embed(1, { client: 'b' });
  assert.throws(() => void embed(1, { client: 'b', timeoutMs: 170 }), { code: 'deadline_exceeded' });
  void embed(1, { client: 'c', timeoutMs: 170 });
});

test('a slow moment locks nobody out: an idle engine tries every request, and is soon known to be fast again', async () => {
  const { clock, backbone, batcher, embed } = await simulated();
  backbone.imageMs = 1000;
  for (let batch = 0; batch < 30; batch++) {
    void embed(1);
    await clock.pass(1_100);
  }
  assert.ok(batcher.expectedMs(1)! > 200, `${batcher.expectedMs(1)} ms`);
  backbone.imageMs = 1;
  let answered = 0;
  for (let request = 0; request < 6; request++) {
    void embed(1, { timeoutMs: 100 }).then(() => answered++);
    await clock.pass(40);
  }
  assert.equal(answered, 6);
  assert.ok(batcher.expectedMs(1)! < 50, `${batcher.expectedMs(1)} ms, it takes 11`);
  // Two at once: the second one is judged by what is known now.
  void embed(1);
  void embed(1, { timeoutMs: 100 }).then(() => answered++);
  await clock.pass(60);
  assert.equal(answered, 7);
});

test('while the engine runs, what it is known to take counts, however long ago it was measured', async () => {
  const { clock, backbone, embed } = await simulated();
  backbone.imageMs = 500;
  for (let batch = 0; batch < 30; batch++) {
    void embed(8);
    await clock.pass(4_100);
  }
  void embed(8);
  void embed(8);
  await clock.pass(1_500);
  assert.throws(() => void embed(1, { timeoutMs: 3_000 }), { code: 'deadline_exceeded' });
});

test('a large request that is cancelled or expires midway leaves the line with what has not run', async () => {
  const { clock, backbone, batcher, embed } = await simulated();
  const controller = new AbortController();
  const cancelled = assert.rejects(embed(40, { signal: controller.signal }), { code: 'cancelled' });
  void embed(3, { client: 'b' });
  await clock.pass(10);
  assert.equal(backbone.batches.length, 2);
  controller.abort();
  await cancelled;
  assert.ok(batcher.depth <= 3);
  await clock.pass(500);
  const ran = backbone.batches.reduce((sum, { images }) => sum + images.length, 0);
  assert.ok(ran <= 16 + 3, `${ran}`);
  assert.deepEqual([batcher.depth, batcher.bytes], [0, 0]);
});

test('listeners do not pile up on a signal that many requests share', async () => {
  const { clock, embed } = await simulated();
  const controller = new AbortController();
  let listeners = 0;
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--;
    remove(...args);
  };
  for (let index = 0; index < 20; index++) void embed(1, { signal });
  assert.equal(listeners, 20);
  await clock.pass(500);
  assert.equal(listeners, 0);
});

test('draining takes nothing new, runs what was admitted, and says when all is answered', async () => {
  const { clock, backbone, batcher, embed } = await simulated();
  const answers = [embed(8), embed(3), embed(20)];
  const permit = batcher.admit({ images: 1, bytes: 12, client: 'a', priority: 'inference' });
  const unused = batcher.admit({ images: 1, bytes: 12, client: 'a', priority: 'inference' });
  let drained = false;
  void batcher.drain().then(() => {
    drained = true;
  });
  assert.throws(() => void embed(1), { code: 'draining' });
  await clock.pass(1_000);
  assert.equal(drained, false, 'two have a permit');
  unused.release();
  const late = permit.submit(numbered(1000, 1));
  await clock.pass(1_000);
  assert.equal(drained, true);
  await Promise.all([...answers, late]);
  assert.equal(backbone.batches.flatMap(({ images }) => images).length, 32);
  await batcher.drain();
});

test('a batcher that has nothing is drained at once, and one that is closed when its batch has ended', async () => {
  const { batcher } = await simulated();
  await batcher.drain();
  const second = await simulated();
  const running = second.embed(8);
  const ahead = second.embed(8);
  const waiting = assert.rejects(second.embed(8), { code: 'draining' });
  second.batcher.close();
  await waiting;
  const drained = second.batcher.drain();
  await second.clock.pass(500);
  await drained;
  await Promise.all([running, ahead]);
  assert.equal(second.batcher.depth, 0);
});

test('learning waits for inference, but gets its share beside it', async () => {
  const { clock, backbone, embed } = await simulated({ learningShare: 0.25 });
  const labels = { client: 'labels', priority: 'learning' as const };
  void embed(1);
  for (let index = 0; index < 30; index++) void embed(1, labels);
  for (let index = 0; index < 40; index++) void embed(1);
  await clock.pass(240);
  // Numbers are given in order: labels are 38 to 67.
  const learned = backbone.batches.map(({ images }) => images.filter((id) => id >= 38 && id < 68).length);
  assert.deepEqual(learned.slice(0, 4), [0, 0, 2, 2]);
});

test('a client that holds its share is refused by name of the rule, another one is not', async () => {
  const { batcher, embed } = await simulated({ clientShare: 0.2, queueLimit: 50 });
  void embed(8);
  const refusals: StatusError[] = [];
  for (let index = 0; index < 30; index++) {
    try {
      void embed(1);
    } catch (error) {
      refusals.push(error as StatusError);
    }
  }
  assert.ok(refusals.length > 10);
  assert.match(refusals[0]!.message, /this client.*server\.clientShare/);
  assert.equal(batcher.counts.refused.client, refusals.length);
  const delays = new Set(refusals.map(({ retryDelayMs }) => retryDelayMs));
  assert.ok(delays.size > 5, 'not all are told to come back at the same moment');
  void embed(5, { client: 'b' });
  assert.throws(() => void embed(41, { client: 'c' }), { code: 'message_too_large' });
});

test('bytes: what is decoded counts as its pixels, and places are freed as images leave', async () => {
  const backbone = new FakeBackbone({ manual: true });
  const batcher = new Batcher(backbone, { size: 4, waitMs: 0, queueLimit: 100, queueBytes: 10 * PER_IMAGE });
  const permit = batcher.admit({ ...ask(3), bytes: 5 });
  assert.equal(batcher.bytes, 3 * PER_IMAGE);
  permit.release();
  const running = batcher.admit(ask(1)).submit(pixels(1));
  const waiting = batcher.admit({ ...ask(7), bytes: 7 * PER_IMAGE + 3 }).submit(pixels(7));
  assert.equal(batcher.bytes, 3 * PER_IMAGE + 2);
  assert.throws(() => batcher.admit({ ...ask(1), bytes: 8 * PER_IMAGE }), {
    code: 'queue_full',
    message: /server\.queueBytes/,
  });
  for (let batch = 0; batch < 3; batch++) await backbone.finish();
  await Promise.all([running, waiting]);
  assert.equal(batcher.bytes, 0);
});

test('a permit is for as many images as were asked for', async () => {
  const { batcher } = setUp();
  const permit = batcher.admit(ask(2));
  await assert.rejects(permit.submit(pixels(3)), /for 2 images, not 3/);
  permit.release();
  assert.equal(batcher.depth, 0);
});

test('counts: batches by size, images, time by what it was for', async () => {
  const { clock, batcher, embed } = await simulated();
  const { computeNs: before } = structuredClone(batcher.counts);
  void embed(4);
  void embed(1, { client: 'labels', priority: 'learning' });
  await clock.pass(500);
  const { batches, images, requests, computeNs, batchSizes } = batcher.counts;
  assert.equal(batches, 10);
  assert.deepEqual(images, { inference: 40, learning: 1 });
  assert.deepEqual(requests, { inference: 9, learning: 1 });
  assert.equal(computeNs.inference - before.inference, 30e6);
  assert.equal(computeNs.learning, 15e6);
  assert.deepEqual(batchSizes.get(4), { batches: 2, computeNs: 60e6 });
});
