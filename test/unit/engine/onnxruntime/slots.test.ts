import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Images } from '../../../../src/engine/backbone.js';
import { layOut, SlotPool } from '../../../../src/engine/onnxruntime/slots.js';

const pixels = (...values: number[]): Images => ({ kind: 'pixels', count: 1, data: Uint8Array.from(values) });
const input = (...values: number[]): Images => ({ kind: 'input', count: 1, data: Float32Array.from(values) });

test('a slot is lent to one batch at a time, and its memory serves the next', () => {
  const pool = new SlotPool(2, 100);
  const first = pool.lend(10);
  const second = pool.lend(10);
  assert.ok(first !== undefined && second !== undefined);
  assert.notEqual(first.memory.buffer, second.memory.buffer);
  assert.equal(pool.lend(1), undefined, 'all are lent');

  const { memory } = first;
  pool.giveBack(first);
  assert.equal(pool.lend(5)?.memory, memory);
});

test('a slot grows to the largest batch, but not above the limit', () => {
  const pool = new SlotPool(1, 100);
  const lengths = [30, 31, 20, 61, 100].map((bytes) => {
    const slot = pool.lend(bytes);
    assert.ok(slot !== undefined);
    pool.giveBack(slot);
    return slot.memory.length;
  });
  assert.deepEqual(lengths, [30, 60, 60, 100, 100]);
  assert.equal(pool.lend(101), undefined);
  assert.notEqual(pool.lend(100), undefined, 'a refusal lends nothing');
});

test('pixels are copied into shared memory, neighbours as one item; input is transferred', () => {
  const images = [pixels(1, 2), pixels(3), input(0.5), pixels(4), pixels(5, 6)];
  const { items, transfer, slot } = layOut(images, new SlotPool(1, 100));
  assert.deepEqual(
    items.map(({ kind, count, data }) => ({ kind, count, values: [...data] })),
    [
      { kind: 'pixels', count: 2, values: [1, 2, 3] },
      { kind: 'input', count: 1, values: [0.5] },
      { kind: 'pixels', count: 2, values: [4, 5, 6] },
    ],
  );
  assert.deepEqual(transfer, [images[2]?.data.buffer]);
  for (const { kind, data } of items) assert.equal(data.buffer === slot?.memory.buffer, kind === 'pixels');
});

test('without a slot pixels are transferred: whole buffers as they are, views on part of one as copies', () => {
  const owner = Uint8Array.from([1, 2, 3, 4]);
  const whole = pixels(7, 8, 9);
  const part: Images = { kind: 'pixels', count: 1, data: owner.subarray(1, 3) };
  const { items, transfer, slot } = layOut([whole, part], new SlotPool(1, 4));
  assert.equal(slot, undefined);
  assert.deepEqual(
    items.map(({ data }) => [...data]),
    [
      [7, 8, 9],
      [2, 3],
    ],
  );
  assert.equal(transfer[0], whole.data.buffer);
  assert.ok(!transfer.includes(owner.buffer), 'the owner keeps its buffer');
  assert.equal(transfer[1], items[1]?.data.buffer);
});

test('batches without pixels need no slot', () => {
  const pool = new SlotPool(1, 100);
  assert.equal(layOut([input(1)], pool).slot, undefined);
  assert.notEqual(pool.lend(1), undefined);
});
