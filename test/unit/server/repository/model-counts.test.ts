import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelCounts } from '../../../../src/server/repository/model-counts.js';
import { StatisticsBook } from '../../../../src/server/repository/statistics-book.js';
import { statisticsMessage } from '../../../../src/server/repository/statistics-message.js';

const all = () => true;
const times = { totalMs: 10, decodeMs: 2, queueMs: 3, computeMs: 4 };

test('the stages of answered requests sum up to the whole, in whole nanoseconds', () => {
  const counts = new ModelCounts();
  counts.answered(times, 5);
  counts.answered({ totalMs: 1.0000004, decodeMs: 0.1, queueMs: 0.2, computeMs: 0.3 }, 7);
  const { success, queue, input, infer, output } = counts;
  assert.deepEqual([success.count, queue.count, input.count, infer.count, output.count], [2, 2, 2, 2, 2]);
  assert.equal(success.ns, 11_000_000);
  assert.equal(queue.ns + input.ns + infer.ns + output.ns, success.ns);
  assert.equal(counts.lastAtMs, 7);
});

test('a stage that was timed longer than the whole does not make time run backwards', () => {
  const counts = new ModelCounts();
  counts.answered({ ...times, totalMs: 8.9 }, 1);
  assert.equal(counts.output.ns, 0);
});

test('requests that were given up are no failures of ours, but failed ones for Triton', () => {
  const counts = new ModelCounts();
  counts.failed(3, false, 1);
  counts.failed(4, true, 2);
  const message = statisticsMessage('pets', '7', counts);
  assert.deepEqual(message.inferenceStats!.fail, { count: 2, ns: 7_000_000 });
  assert.deepEqual({ ...message.responseStats!['0']!.cancel }, { count: 1, ns: 4_000_000 });
  assert.deepEqual({ ...message.responseStats!['0']!.fail }, { count: 1, ns: 3_000_000 });
  assert.deepEqual([message.name, message.version, message.inferenceCount], ['pets', '7', 0]);
});

test('batches are told by size, in order; very large sizes share entries, so that there is an end to them', () => {
  const counts = new ModelCounts();
  for (const size of [16, 1, 16]) counts.executed(size, 2);
  assert.deepEqual(
    counts.batches().map(({ size, infer }) => [size, infer.count, infer.ns]),
    [
      [1, 1, 2_000_000],
      [16, 2, 4_000_000],
    ],
  );
  assert.deepEqual([counts.images, counts.executions], [33, 3]);
  for (let size = 1; size <= 100_000; size++) counts.executed(size, 1);
  const sizes = counts.batches();
  assert.ok(sizes.length < 150, `${sizes.length} entries`);
  assert.equal(
    sizes.reduce((sum, { infer }) => sum + infer.count, 0),
    100_003,
  );
  assert.equal(sizes.find(({ size }) => size === 256)?.infer.count, 128);
});

test("a backbone's executions are its batches, a head's are its requests; a new generation begins at zero", () => {
  const book = new StatisticsBook();
  book.batch('tiny', 5, 4);
  book.headRequest('pets', 1, { kind: 'answered', images: 3, ...times }, all);
  book.headRequest('pets', 1, { kind: 'failed', totalMs: 1 }, all);
  book.backboneRequest('tiny', { kind: 'answered', images: 2, ...times });
  assert.deepEqual([book.backbone('tiny').images, book.backbone('tiny').executions], [5, 1]);
  assert.equal(book.backbone('tiny').success.count, 1);
  const pets = book.head('pets', 1);
  assert.deepEqual([pets.images, pets.executions, pets.success.count, pets.failure.count], [3, 1, 1, 1]);
  assert.equal(book.head('pets', 2).success.count, 0);
});

test('nothing is kept of heads that are gone', () => {
  const book = new StatisticsBook();
  for (let head = 0; head < 50; head++) book.headRequest(`head-${head}`, 1, { kind: 'failed', totalMs: 1 }, all);
  assert.equal(book.headCount, 50);
  book.keepHeads((name) => name === 'head-7');
  assert.equal(book.headCount, 1);
  assert.equal(book.head('head-7', 1).failure.count, 1);
  // Also when nobody ever asks for statistics.
  for (let head = 0; head < 50; head++) {
    const name = `next-${head}`;
    book.headRequest(name, 1, { kind: 'failed', totalMs: 1 }, (other) => other === name);
  }
  assert.equal(book.headCount, 1);
});
