import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BatchPart, FairQueue, type Place, type QueueEntry } from '../../../../src/server/batching/fair-queue.js';
import { seeded } from './simulation.js';

interface Request extends QueueEntry {
  readonly name: string;
}

const request = (client: string, count: number, name = client): Request => ({ client, count, name });
const all = () => true;
const names = (parts: readonly BatchPart<Request>[]) => parts.map(({ entry, count }) => `${entry.name}:${count}`);

test('one client: in order of arrival, and what is larger than a batch leaves in parts', () => {
  const queue = new FairQueue<Request>();
  const [a, b, c] = [request('x', 2, 'a'), request('x', 5, 'b'), request('x', 1, 'c')];
  for (const each of [a, b, c]) queue.push(each);
  assert.equal(queue.depth, 8);
  assert.deepEqual(queue.take(4, all), [
    { entry: a, from: 0, count: 2 },
    { entry: b, from: 0, count: 2 },
  ]);
  assert.deepEqual(queue.take(4, all), [
    { entry: b, from: 2, count: 3 },
    { entry: c, from: 0, count: 1 },
  ]);
  assert.deepEqual([queue.depth, queue.take(4, all)], [0, []]);
});

test('what is refused or removed costs no place', () => {
  const queue = new FairQueue<Request>();
  const [a, b, c] = [request('x', 3), request('x', 9), request('x', 2)];
  queue.push(a);
  const second = queue.push(b);
  queue.push(c);
  assert.deepEqual(
    queue.take(4, (entry) => entry !== a),
    [{ entry: b, from: 0, count: 4 }],
  );
  assert.equal(queue.remove(second), 5);
  assert.equal(queue.remove(second), 0);
  assert.equal(queue.depth, 2);
  assert.deepEqual(queue.take(4, all), [{ entry: c, from: 0, count: 2 }]);
});

test('one that is removed while it is asked about is passed over', () => {
  const queue = new FairQueue<Request>();
  const [a, b] = [request('x', 2, 'a'), request('y', 2, 'b')];
  const place = queue.push(a);
  queue.push(b);
  const parts = queue.take(8, (entry) => {
    if (entry === a) queue.remove(place);
    return true;
  });
  assert.deepEqual(names(parts), ['b:2']);
});

test('clients take turns by images, not by requests', () => {
  const queue = new FairQueue<Request>();
  for (let index = 0; index < 12; index++) queue.push(request('small', 1));
  queue.push(request('large', 4));
  queue.push(request('large', 4));
  const order = names(queue.take(20, all));
  assert.deepEqual(order.slice(0, 7), ['small:1', 'large:4', 'small:1', 'small:1', 'small:1', 'small:1', 'large:4']);
});

test('one who comes new does not wait behind the line of another, nor gets more than a turn for it', () => {
  const queue = new FairQueue<Request>();
  for (let index = 0; index < 50; index++) queue.push(request('flood', 1));
  queue.take(20, all);
  queue.push(request('new', 1, 'new 1'));
  for (let index = 2; index <= 30; index++) queue.push(request('new', 1, `new ${index}`));
  const served = names(queue.take(20, all));
  assert.ok(served.indexOf('new 1:1') <= 1);
  assert.ok(Math.abs(served.filter((name) => name.startsWith('new')).length - 10) <= 1, `${served}`);
});

test('an empty line does not make up for a turn: who always comes back at once gets no more', () => {
  const queue = new FairQueue<Request>();
  for (let index = 0; index < 400; index++) queue.push(request('waits', 1));
  let back = 0;
  let waits = 0;
  for (let batch = 0; batch < 30; batch++) {
    queue.push(request('comes back', 8));
    for (const { entry, count } of queue.take(8, all)) {
      if (entry.client === 'waits') waits += count;
      else back += count;
    }
  }
  assert.ok(Math.abs(back - waits) <= 16, `${back} and ${waits}`);
});

test('clients are forgotten when nothing waits, and those that were here long ago when others go on', () => {
  const queue = new FairQueue<Request>();
  for (let index = 0; index < 5; index++) queue.push(request(`client ${index}`, 2));
  assert.equal(queue.clients, 5);
  queue.take(10, all);
  assert.equal(queue.clients, 0);
  // A line that is never empty, and ever new clients.
  for (let index = 0; index < 20; index++) queue.push(request('stays', 1));
  for (let index = 0; index < 20_000; index++) {
    queue.push(request(`client ${index}`, 1));
    queue.push(request('stays', 1));
    queue.take(2, all);
    assert.ok(queue.clients < 50, `${queue.clients}`);
  }
  for (let index = 0; index < 5_000; index++) {
    const place = queue.push(request(`cancelled ${index}`, 1));
    queue.remove(place);
  }
  assert.ok(queue.clients <= 1100, `${queue.clients}`);
});

test('random arrivals: everything leaves once and in order, clients that wait get parts that differ by a request at most', () => {
  const random = seeded(3);
  const pick = (most: number) => Math.floor(random() * most);
  const queue = new FairQueue<Request>();
  const waiting = new Map<Place<Request>, number>();
  const places = new Map<Request, Place<Request>>();
  const last = new Map<string, number>();
  let number = 0;
  let depth = 0;
  for (let step = 0; step < 20_000; step++) {
    const act = pick(10);
    if (act < 5) {
      const entry = request(`client ${pick(7)}`, 1 + pick(9), String(number++));
      const place = queue.push(entry);
      places.set(entry, place);
      waiting.set(place, 0);
      depth += entry.count;
    } else if (act < 6 && waiting.size > 0) {
      const place = [...waiting.keys()][pick(waiting.size)]!;
      const taken = waiting.get(place)!;
      assert.equal(queue.remove(place), place.entry.count - taken);
      waiting.delete(place);
      depth -= place.entry.count - taken;
    } else {
      let room = 1 + pick(16);
      for (const { entry, from, count } of queue.take(room, all)) {
        const place = places.get(entry)!;
        assert.equal(waiting.get(place), from, 'parts follow each other');
        assert.ok(Number(entry.name) >= (last.get(entry.client) ?? 0), 'in order');
        last.set(entry.client, Number(entry.name));
        if (from + count === entry.count) waiting.delete(place);
        else waiting.set(place, from + count);
        room -= count;
        depth -= count;
      }
      assert.ok(room === 0 || depth === 0, 'no place is left while somebody waits');
    }
    assert.equal(queue.depth, depth);
  }
});

test('what is said to be in front of a request is what goes before it when nobody else comes', () => {
  const random = seeded(11);
  const pick = (most: number) => Math.floor(random() * most);
  for (let round = 0; round < 300; round++) {
    const queue = new FairQueue<Request>();
    for (let index = pick(40); index > 0; index--) queue.push(request(`client ${pick(5)}`, 1));
    queue.take(pick(10), all);
    for (let index = pick(10); index > 0; index--) queue.push(request(`client ${pick(5)}`, 1));
    const client = `client ${pick(6)}`;
    const own = queue.imagesOf(client);
    const foretold = own + queue.ahead(client, own, 1);
    const mine = request(client, 1, 'mine');
    queue.push(mine);
    const order = queue.take(1000, all).map(({ entry }) => entry.name);
    // Among equals, who came first goes first: each other client may be one image off.
    assert.ok(Math.abs(order.indexOf('mine') - foretold) <= 5, `${order.indexOf('mine')} and ${foretold}`);
  }
});
