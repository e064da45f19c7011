import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Holder, MemoryBudget } from '../../../../../src/server/grpc/transport/memory-budget.js';

function holder(
  client: string,
  revocable = 1,
  { connection = client, idle = false } = {},
): Holder & { revoked: number } {
  const made = {
    ...{ client, connection, revocable, idle },
    revoked: 0,
    revoke: () => {
      made.revoked++;
    },
  };
  return made;
}

test('takes up to the limit, and again what was given back', () => {
  const budget = new MemoryBudget(100);
  const one = holder('a');
  assert.equal(budget.take(one, 100), true);
  assert.equal(budget.take(one, 1), false);
  budget.give(one, 40);
  assert.equal(budget.take(holder('a'), 40), true);
  assert.equal(budget.used, 100);
  budget.giveAll(one);
  assert.equal(budget.used, 40);
});

test('gives back no more than was taken', () => {
  const budget = new MemoryBudget(100);
  const one = holder('a');
  budget.take(one, 10);
  budget.give(one, 50);
  budget.giveAll(one);
  assert.equal(budget.used, 0);
});

test('the client that holds most gives way, with what it can take back', () => {
  const budget = new MemoryBudget(100);
  const [small, large, kept] = [holder('greedy', 10), holder('greedy', 50), holder('greedy', 0)];
  budget.take(small, 10);
  budget.take(large, 50);
  budget.take(kept, 40);
  const other = holder('modest');
  assert.equal(budget.take(other, 5), true);
  assert.deepEqual([small.revoked, large.revoked, kept.revoked], [0, 1, 0]);
  assert.equal(budget.used, 55);
});

test('who holds most is refused itself; what is promised is never taken back', () => {
  const budget = new MemoryBudget(100);
  const [mine, theirs] = [holder('greedy'), holder('modest')];
  budget.take(mine, 70);
  budget.take(theirs, 30);
  assert.equal(budget.take(mine, 1), false);
  assert.equal(theirs.revoked, 0);
  const full = new MemoryBudget(100);
  const promised = holder('busy', 0);
  full.take(promised, 100);
  assert.equal(full.take(holder('modest'), 1), false);
  assert.equal(promised.revoked, 0);
});

test('a revoked holder that gives back itself is counted once', () => {
  const budget = new MemoryBudget(100);
  const large: Holder = {
    ...{ client: 'a', connection: 1, revocable: 1, idle: false },
    revoke: () => budget.giveAll(large),
  };
  budget.take(large, 90);
  assert.equal(budget.take(holder('b'), 50), true);
  assert.equal(budget.used, 50);
});

test('a holder that was closed takes no more', () => {
  const budget = new MemoryBudget(100);
  const one = holder('a');
  budget.take(one, 10);
  budget.close(one);
  assert.equal(budget.take(one, 10), false);
  assert.equal(budget.used, 0);
});

test('clients behind one proxy: the connection that holds most gives way, unless the other would hold more then', () => {
  const budget = new MemoryBudget(100);
  const half = holder('proxy', 1, { connection: 'greedy' });
  const modest = holder('proxy', 1, { connection: 'modest' });
  budget.take(half, 60);
  budget.take(modest, 30);
  assert.equal(budget.take(modest, 31), false);
  assert.equal(half.revoked, 0);
  assert.equal(budget.take(modest, 30), true);
  assert.equal(half.revoked, 1);
  assert.equal(modest.revoked, 0);
});

test('on one connection what has stopped coming gives way, what comes does not', () => {
  const budget = new MemoryBudget(100);
  const coming = holder('proxy', 50);
  const stopped = holder('proxy', 1, { idle: true });
  budget.take(coming, 80);
  budget.take(stopped, 20);
  const asking = holder('proxy', 1, { idle: true });
  assert.equal(budget.take(asking, 10), true);
  assert.equal(budget.take(asking, 20), false, 'it is none of its own victims');
  assert.deepEqual([coming.revoked, stopped.revoked, asking.revoked], [0, 1, 0]);
});

test('when the client that holds most was promised all of it, the next gives way', () => {
  const budget = new MemoryBudget(100);
  const [promised, halves] = [holder('busy', 0), holder('greedy', 30)];
  budget.take(promised, 60);
  budget.take(halves, 40);
  assert.equal(budget.take(holder('modest'), 5), true);
  assert.deepEqual([promised.revoked, halves.revoked], [0, 1]);
});

test('a holder that turns out to be another client counts as its', () => {
  const budget = new MemoryBudget(100);
  const [mine, theirs] = [holder('address'), holder('address')];
  budget.take(mine, 10);
  budget.take(theirs, 90);
  budget.move(mine, 'token');
  assert.equal(budget.take(mine, 10), true);
  assert.equal(theirs.revoked, 1);
  budget.giveAll(mine);
  assert.equal(budget.used, 0);
});
