import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inOrder } from '../../../src/client/in-order.js';

const turns = () => new Promise((resolve) => setImmediate(resolve));

test('outputs come in the order of the inputs, however long each takes', async () => {
  const delays = [5, 1, 3, 0];
  const work = (delay: number) => new Promise<number>((resolve) => setTimeout(() => resolve(delay), delay));
  const seen: number[] = [];
  for await (const output of inOrder(delays, 4, work)) seen.push(output);
  assert.deepEqual(seen, delays);
});

test('a source that is slow does not hold back what is done', async () => {
  let give = (_: number) => {};
  async function* source() {
    yield 1;
    yield await new Promise<number>((resolve) => {
      give = resolve;
    });
  }
  const outputs = inOrder(source(), 4, async (input) => input * 10);
  assert.deepEqual(await outputs.next(), { value: 10, done: false });
  const next = outputs.next();
  await turns();
  give(2);
  assert.deepEqual(await next, { value: 20, done: false });
  assert.deepEqual(await outputs.next(), { value: undefined, done: true });
});

test('a reader that is slow slows the source down, and one that leaves ends it', async () => {
  let read = 0;
  let isEnded = false;
  function* source() {
    try {
      for (;;) yield read++;
    } finally {
      isEnded = true;
    }
  }
  for await (const output of inOrder(source(), 3, async (input) => input)) {
    await turns();
    assert.ok(read <= output + 4, `${read} were read when ${output} was`);
    if (output === 5) break;
  }
  assert.ok(isEnded);
});

test('a source that fails fails the reader', async () => {
  function* source() {
    yield 1;
    throw new Error('no more');
  }
  const outputs = inOrder(source(), 1, async (input) => input);
  assert.deepEqual(await outputs.next(), { value: 1, done: false });
  await assert.rejects(outputs.next(), /no more/);
});
