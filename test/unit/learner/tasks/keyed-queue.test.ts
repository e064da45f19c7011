import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { KeyedQueue } from '../../../../src/learner/tasks/keyed-queue.js';

test('tasks of one key keep their order, those of others do not wait', async () => {
  const queue = new KeyedQueue();
  const order: string[] = [];
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const first = queue.run('a', async () => {
    await gate;
    order.push('a1');
  });
  const second = queue.run('a', async () => void order.push('a2'));
  await queue.run('b', async () => void order.push('b1'));
  await delay(5);
  assert.deepEqual(order, ['b1']);
  release();
  await Promise.all([first, second]);
  assert.deepEqual(order, ['b1', 'a1', 'a2']);
});

test('a task that fails rejects for its caller only', async () => {
  const queue = new KeyedQueue();
  const bad = queue.run('a', () => Promise.reject(new Error('no')));
  const good = queue.run('a', async () => 'yes');
  await assert.rejects(bad, /no/);
  assert.equal(await good, 'yes');
});
