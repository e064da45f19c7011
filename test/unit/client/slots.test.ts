import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Slots } from '../../../src/client/slots.js';

test('slots let so many work at once and serve those that wait in order', async () => {
  const slots = new Slots(2);
  let working = 0;
  let most = 0;
  const order: number[] = [];
  const task = (index: number) =>
    slots.run(async () => {
      most = Math.max(most, ++working);
      order.push(index);
      await new Promise((resolve) => setTimeout(resolve, 2));
      working--;
      if (index === 3) throw new Error('three');
    });
  const results = await Promise.allSettled([0, 1, 2, 3, 4, 5].map(task));
  assert.equal(most, 2);
  assert.deepEqual(order, [0, 1, 2, 3, 4, 5]);
  assert.equal(results.filter(({ status: how }) => how === 'rejected').length, 1);
});

test('who gives up waiting for a slot leaves the line', async () => {
  const slots = new Slots(1);
  await slots.take();
  const leaving = new AbortController();
  const first = slots.take(leaving.signal);
  const second = slots.take();
  leaving.abort(new Error('enough'));
  await assert.rejects(first, /enough/);
  slots.give();
  await second;
  await assert.rejects(slots.take(AbortSignal.abort(new Error('already'))), /already/);
});
