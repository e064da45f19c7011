import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import type { ServiceError } from '@grpc/grpc-js';
import { type DuplexCall, OrderedCalls } from '../../../src/client/ordered-calls.js';

/** A call whose other side the test plays. */
class FakeCall extends EventEmitter implements DuplexCall<number, string> {
  readonly written: number[] = [];
  takes = true;
  ended = false;
  cancelled = false;

  write(request: number): boolean {
    this.written.push(request);
    return this.takes;
  }

  end(): void {
    this.ended = true;
  }

  cancel(): void {
    this.cancelled = true;
  }
}

function opened(options: { window: number; silenceMs?: number }) {
  const calls: FakeCall[] = [];
  const open = () => {
    const call = new FakeCall();
    calls.push(call);
    return call;
  };
  return { calls, line: new OrderedCalls<number, string>(open, options) };
}

const turns = () => new Promise((resolve) => setImmediate(resolve));

test('answers go to the requests in their order, and the window bounds what waits', async () => {
  const { calls, line } = opened({ window: 2 });
  const answers = [1, 2, 3].map((request) => line.send(request));
  await turns();
  const call = calls[0] as FakeCall;
  assert.deepEqual(call.written, [1, 2]);
  call.emit('data', 'one');
  await turns();
  assert.deepEqual(call.written, [1, 2, 3]);
  call.emit('data', 'two');
  call.emit('data', 'three');
  assert.deepEqual(await Promise.all(answers), ['one', 'two', 'three']);
  assert.equal(calls.length, 1);
});

test('nothing is written while the connection is full', async () => {
  const { calls, line } = opened({ window: 10 });
  const first = line.send(1);
  await turns();
  const call = calls[0] as FakeCall;
  call.takes = false;
  const second = line.send(2);
  const third = line.send(3);
  await turns();
  assert.deepEqual(call.written, [1, 2]);
  call.takes = true;
  call.emit('drain');
  await turns();
  assert.deepEqual(call.written, [1, 2, 3]);
  for (const answer of ['a', 'b', 'c']) call.emit('data', answer);
  assert.deepEqual(await Promise.all([first, second, third]), ['a', 'b', 'c']);
});

test('a call that breaks fails all that wait, and the next request opens another', async () => {
  const { calls, line } = opened({ window: 10 });
  const lost = Promise.allSettled([line.send(1), line.send(2)]);
  await turns();
  calls[0]?.emit('error', Object.assign(new Error('broken'), { code: 14, details: 'broken' }) as ServiceError);
  assert.deepEqual(
    (await lost).map((result) => result.status === 'rejected' && result.reason.message),
    ['broken', 'broken'],
  );
  const again = line.send(3);
  await turns();
  // The dead call's words mean nothing any more.
  calls[0]?.emit('data', 'late');
  calls[1]?.emit('data', 'three');
  assert.equal(await again, 'three');
});

test('who gives up gets the reason; the answer that comes all the same is not taken for another', async () => {
  const { calls, line } = opened({ window: 2 });
  const leaving = new AbortController();
  const given = line.send(1, leaving.signal);
  const kept = line.send(2);
  const waiting = line.send(3, leaving.signal);
  await turns();
  leaving.abort(new Error('enough'));
  await assert.rejects(given, /enough/);
  await assert.rejects(waiting, /enough/);
  calls[0]?.emit('data', 'one');
  calls[0]?.emit('data', 'two');
  assert.equal(await kept, 'two');
  assert.deepEqual(calls[0]?.written, [1, 2]);
});

test('who waits for a full connection can give up, too, and leaves his place', async () => {
  const { calls, line } = opened({ window: 2 });
  const first = line.send(1);
  await turns();
  const call = calls[0] as FakeCall;
  call.takes = false;
  call.emit('data', 'one');
  await first;
  const second = line.send(2);
  await turns();
  const leaving = new AbortController();
  const third = line.send(3, leaving.signal);
  leaving.abort(new Error('enough'));
  await assert.rejects(third, /enough/);
  call.takes = true;
  call.emit('drain');
  const fourth = line.send(4);
  await turns();
  for (const answer of ['two', 'four']) call.emit('data', answer);
  assert.deepEqual(await Promise.all([second, fourth]), ['two', 'four']);
});

test('a server that says nothing for too long counts as gone', async () => {
  const { calls, line } = opened({ window: 2, silenceMs: 5 });
  await assert.rejects(line.send(1), /answers nothing/);
  assert.equal(calls[0]?.cancelled, true);
});

test('closed: what waits is answered, nothing else is taken', async () => {
  const { calls, line } = opened({ window: 2 });
  const first = line.send(1);
  await turns();
  line.close();
  assert.equal(calls[0]?.ended, true);
  await assert.rejects(line.send(2), /closed/);
  calls[0]?.emit('data', 'one');
  assert.equal(await first, 'one');
});
