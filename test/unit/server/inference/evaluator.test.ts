import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeadModel } from '../../../../src/learner/index.js';
import { Evaluator, type Wanted } from '../../../../src/server/inference/evaluator.js';

const D = 2;
const model = { classes: ['a', 'b'], dimensions: D } as unknown as HeadModel;

/** What keeps the event loop busy for so long. */
function spend(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

/** @param imageMs what an image takes */
function setUp(imageMs = 0) {
  const done: number[] = [];
  const classify = (_model: HeadModel, embedding: Float32Array) => {
    spend(imageMs);
    done.push(embedding[0]!);
    return [0.25, 0.75];
  };
  const evaluator = new Evaluator({ classify, bytes: 200, clientShare: 0.5 });
  const evaluate = (first: number, count: number, more: Partial<Wanted> = {}) =>
    evaluator.evaluate(model, embeddings(first, count), count, wanted(more));
  return { evaluator, evaluate, done };
}

const embeddings = (first: number, count: number) =>
  Float32Array.from({ length: count * D }, (_, index) => first + Math.floor(index / D));

function wanted(more: Partial<Wanted> = {}): Wanted {
  return { client: 'a', deadlineMs: Number.POSITIVE_INFINITY, signal: new AbortController().signal, ...more };
}

test('embeddings are classified in order; a head without a model says nothing', async () => {
  const { evaluator, evaluate, done } = setUp();
  const { labels, probabilities } = await evaluate(1, 3);
  assert.deepEqual(labels, ['b', 'b', 'b']);
  assert.deepEqual([...probabilities], [0.25, 0.75, 0.25, 0.75, 0.25, 0.75]);
  assert.deepEqual(done, [1, 2, 3]);
  assert.deepEqual((await evaluator.evaluate(null, embeddings(0, 2), 2, wanted())).labels, ['', '']);
});

test('all evaluations together keep a turn of the event loop no longer than one would', async () => {
  const { evaluate, done } = setUp(1);
  let running = true;
  const inTurns: number[] = [];
  let before = 0;
  const watch = () => {
    inTurns.push(done.length - before);
    before = done.length;
    if (running) setImmediate(watch);
  };
  setImmediate(watch);
  await Promise.all(Array.from({ length: 16 }, () => evaluate(1, 10)));
  running = false;
  assert.equal(done.length, 160);
  // Counted in images, not in time: a machine that stands still evaluates none meanwhile.
  assert.ok(Math.max(...inTurns) <= 10, `${Math.max(...inTurns)} ms of images in one turn`);
});

test('clients take turns, and a small request is not behind the large ones of its client', async () => {
  const { evaluate, done } = setUp(1);
  const ends: string[] = [];
  const end = (name: string) => () => ends.push(name);
  const all = [
    evaluate(100, 60).then(end('large')),
    evaluate(200, 60).then(end('large too')),
    evaluate(300, 2).then(end('small')),
    evaluate(400, 2, { client: 'b' }).then(end('other')),
  ];
  await Promise.all(all);
  assert.deepEqual(ends.slice(0, 2).sort(), ['other', 'small']);
  const last = done.indexOf(401);
  assert.ok(last < 20, `the other client's second image is number ${last}`);
});

test('what is cancelled or late is not evaluated any further', async () => {
  const { evaluate, done } = setUp(1);
  const controller = new AbortController();
  const cancelled = evaluate(100, 1000, { signal: controller.signal });
  const late = evaluate(5000, 1000, { client: 'b', deadlineMs: Date.now() + 30 });
  setTimeout(() => controller.abort(), 20);
  await assert.rejects(cancelled, { code: 'cancelled' });
  await assert.rejects(late, { code: 'deadline_exceeded' });
  const before = done.length;
  assert.ok(before < 500, `${before} images`);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(done.length, before);
  await assert.rejects(evaluate(1, 1, { signal: AbortSignal.abort() }), { code: 'cancelled' });
  await assert.rejects(evaluate(1, 1, { deadlineMs: Date.now() - 1 }), { code: 'deadline_exceeded' });
  assert.equal(done.length, before);
});

test('what throws fails its own request', async () => {
  const evaluator = new Evaluator({
    classify: (_model, embedding) => {
      if (embedding[0] === 7) throw new Error('seven');
      return [1, 0];
    },
    ...{ bytes: 1000, clientShare: 1 },
  });
  const other = evaluator.evaluate(model, embeddings(1, 3), 3, wanted());
  await assert.rejects(evaluator.evaluate(model, embeddings(6, 3), 3, wanted()), /seven/);
  assert.deepEqual((await other).labels, ['a', 'a', 'a']);
});

test('embeddings that wait are bounded, in all and for each client', () => {
  const { evaluator } = setUp();
  const release = evaluator.admit(10, 80, wanted());
  assert.throws(() => evaluator.admit(5, 40, wanted()), { code: 'queue_full', message: /server.clientShare/ });
  assert.throws(() => evaluator.admit(20, 101, wanted({ client: 'b' })), { code: 'message_too_large' });
  const other = evaluator.admit(10, 100, wanted({ client: 'b' }));
  const third = () => evaluator.admit(4, 32, wanted({ client: 'c' }));
  assert.throws(third, { code: 'queue_full', message: /server.queueBytes/ });
  release();
  release();
  assert.equal(evaluator.depth, 10);
  third()();
  other();
  assert.equal(evaluator.depth, 0);
  assert.throws(() => evaluator.admit(1, 1, wanted({ deadlineMs: Date.now() - 1 })), { code: 'deadline_exceeded' });
});
