import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { HttpConnections } from '../../../../src/server/ops/http-connections.js';

let port = 1;

function socket(remoteAddress: string) {
  const made = Object.assign(new EventEmitter(), {
    ...{ remoteAddress, remotePort: port++, destroyed: false },
    destroy: () => {
      made.destroyed = true;
      made.emit('close');
    },
  });
  return made as unknown as Socket & EventEmitter;
}

/** A connection on which a request is under way. @returns its socket, whether it may ask for any page, and what ends the request */
function busy(connections: HttpConnections, address: string) {
  const made = socket(address);
  connections.accept(made);
  let end = () => {};
  const anyPage = connections.request(made, (tell) => {
    end = tell;
  });
  return { made, anyPage, end };
}

test('silent connections give way to new ones, those of the address with most of them first', () => {
  const connections = new HttpConnections({ connections: 4, ofAddress: 4, reserve: 1 });
  const probe = socket('kubelet');
  connections.accept(probe);
  const silent = Array.from({ length: 10 }, () => socket('silent'));
  for (const one of silent) connections.accept(one);
  assert.equal(probe.destroyed, false);
  assert.deepEqual(
    silent.map(({ destroyed }) => destroyed),
    [true, true, true, true, true, true, true, false, false, false],
  );
  assert.equal(connections.count, 4);
});

test('a connection whose request is under way is left alone; answered, it is the last of the idle ones', () => {
  const connections = new HttpConnections({ connections: 2, ofAddress: 2, reserve: 1 });
  const first = busy(connections, 'a');
  const second = socket('a');
  connections.accept(second);
  connections.accept(socket('a'));
  assert.deepEqual([first.made.destroyed, second.destroyed], [false, true]);
  first.end();
  connections.accept(socket('a'));
  assert.equal(first.made.destroyed, false);
  connections.accept(socket('a'));
  assert.equal(first.made.destroyed, true);
});

test('when all are busy the reserve is for probes, and its idle ones give way too', () => {
  const connections = new HttpConnections({ connections: 2, ofAddress: 2, reserve: 1 });
  const ordinary = [busy(connections, 'a'), busy(connections, 'b')];
  assert.deepEqual(
    ordinary.map(({ anyPage }) => anyPage),
    [true, true],
  );
  const silent = socket('a');
  connections.accept(silent);
  const probe = busy(connections, 'kubelet');
  assert.equal(probe.anyPage, false);
  assert.equal(silent.destroyed, true);
  const none = socket('b');
  connections.accept(none);
  assert.equal(none.destroyed, true, 'the reserve is busy too');
  assert.equal(
    ordinary.some(({ made }) => made.destroyed),
    false,
  );
  ordinary[0]?.made.destroy();
  assert.equal(busy(connections, 'b').anyPage, true);
  assert.equal(connections.count, 3);
});

test('an address whose connections are all busy takes none of the others', () => {
  const connections = new HttpConnections({ connections: 4, ofAddress: 2, reserve: 1 });
  for (let index = 0; index < 2; index++) assert.equal(busy(connections, 'greedy').anyPage, true);
  const third = busy(connections, 'greedy');
  assert.equal(third.anyPage, false);
  const fourth = socket('greedy');
  connections.accept(fourth);
  assert.equal(fourth.destroyed, true);
  assert.equal(busy(connections, 'other').anyPage, true);
});
