import assert from 'node:assert/strict';
import { test } from 'node:test';
import { summariseRatios, timePairs } from '../../../src/engine/timed-pairs.js';

/** Runs that take no time but say that they took so long; the clock goes on by as much. */
function machine(sparseMs: number, onnxruntimeMs: number) {
  const order: string[] = [];
  let time = 0;
  const run = (name: string, ms: number) => async () => {
    order.push(name);
    time += ms;
    return ms;
  };
  return { order, sparse: run('s', sparseMs), onnxruntime: run('o', onnxruntimeMs), now: () => time };
}

test('each engine is the first of every other pair', async () => {
  const { order, sparse, onnxruntime, now } = machine(1, 3);
  const pairs = await timePairs(sparse, onnxruntime, { fewest: 5, most: 5, budgetMs: 0, now });
  assert.deepEqual(pairs, new Array(5).fill({ sparse: 1, onnxruntime: 3 }));
  assert.equal(order.join(''), 'soossoosso');
});

test('slow engines get the fewest pairs, quick ones as many as fit, an odd number, bounded', async () => {
  const count = async (ms: number) => {
    const { sparse, onnxruntime, now } = machine(ms, ms);
    return (await timePairs(sparse, onnxruntime, { fewest: 9, most: 99, budgetMs: 1000, now })).length;
  };
  assert.equal(await count(5000), 9);
  assert.equal(await count(20), 25);
  assert.equal(await count(18), 29, '28 pairs last 1008 ms');
  assert.equal(await count(0.1), 99);
});

test('a run that fails ends it', async () => {
  const fails = () => Promise.reject(new Error('broken'));
  await assert.rejects(
    timePairs(fails, async () => 1, { fewest: 9, most: 9, budgetMs: 0 }),
    /broken/,
  );
});

test('ratios are ONNX Runtime over sparse, pair by pair', () => {
  const pairs = [
    { sparse: 1, onnxruntime: 4 },
    { sparse: 100, onnxruntime: 300 },
    { sparse: 2, onnxruntime: 4 },
  ];
  assert.deepEqual(summariseRatios(pairs), {
    median: 3,
    min: 2,
    max: 4,
    medianMs: { sparse: 2, onnxruntime: 4 },
  });
});
