import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { compressAnswers } from '../../../../../src/server/grpc/transport/answer-compression.js';
import type { BaseCall } from '../../../../../src/server/grpc/transport/grpc-js.js';
import { MemoryBudget } from '../../../../../src/server/grpc/transport/memory-budget.js';
import { type CallMethod, type CallSettings, OpenCall } from '../../../../../src/server/grpc/transport/open-call.js';
import { requestShapes } from '../../../../../src/server/grpc/transport/request-shapes.js';
import { framed, INFER, inferMessage } from '../../../../support/raw-grpc.js';

const UNARY: CallMethod = { path: INFER, requestStream: false, responseStream: false };

/** A call on a stream that the test moves by hand. */
function openCall(method: CallMethod = UNARY, set: Partial<CallSettings> = {}) {
  const stream = Object.assign(new EventEmitter(), {
    ...{ writableLength: 0, headersSent: false, destroyed: false, session: undefined },
    isPaused: () => false,
    close: () => stream.emit('close'),
  });
  const statuses: unknown[] = [];
  const base = { stream, sendMessage: () => {}, sendStatus: (status: unknown) => statuses.push(status) };
  const settings: CallSettings = {
    receive: new MemoryBudget(2 ** 30),
    send: new MemoryBudget(2 ** 30),
    maxMessageBytes: 2 ** 26,
    maxMetadataBytes: 1024,
    shapes: requestShapes(),
    onRefused: () => {},
    onSent: () => {},
    ...set,
  };
  const call = new OpenCall(method, 'client', base as unknown as BaseCall, settings, () => {});
  return { call, stream, base: base as unknown as BaseCall, settings, statuses };
}

test('a call that is over when its message is decompressed holds nothing', async () => {
  const receive = new MemoryBudget(2 ** 30);
  const { stream, base } = openCall(UNARY, { receive });
  const uintContents = Array<number>(10_000).fill(1);
  const message = inferMessage({
    modelName: 'm',
    inputs: [{ name: 'x', datatype: 'UINT8', contents: { uintContents } }],
  });
  const compressed = framed(gzipSync(message), true);
  stream.emit('data', compressed);
  const take = receive.take.bind(receive);
  receive.take = (holder, bytes) => {
    // The last of what zlib has to say; its end comes from another thread, and later.
    if (bytes === message.length) queueMicrotask(() => stream.emit('close'));
    return take(holder, bytes);
  };
  await assert.rejects(Promise.resolve(base.decompressMessage(compressed, 'gzip')));
  assert.equal(receive.used, 0);
});

const WATCH: CallMethod = {
  path: '/headwater.v1.LearningService/WatchHead',
  requestStream: false,
  responseStream: true,
};
const KiB = 1024;

test('a request that is answered as a stream gives its bytes back once it is decoded, and its call gives way', async () => {
  const receive = new MemoryBudget(200 * KiB);
  const { stream, base, statuses } = openCall(WATCH, { receive });
  const message = Buffer.alloc(50 * KiB, 'a');
  message.set([0x0a, 0xfc, 0x8f, 0x03]);
  stream.emit('data', framed(message));
  stream.emit('end');
  await base.decompressMessage(framed(message), 'identity');
  assert.ok(receive.used > 50 * KiB);
  await sleep(1);
  assert.equal(receive.used, KiB, 'its metadata');
  const other = { client: 'other', connection: 1, revocable: 0, idle: false, revoke: () => {} };
  assert.equal(receive.take(other, 200 * KiB), true);
  assert.equal(statuses.length, 1);
});

test('a whole request whose client does not end it is stalled, and gives way', () => {
  const receive = new MemoryBudget(200 * KiB);
  const { stream, call, statuses } = openCall(UNARY, { receive });
  stream.emit('data', framed(Buffer.alloc(100 * KiB)));
  call.endIfStalled(60_000);
  assert.equal(statuses.length, 0);
  const other = { client: 'other', connection: 1, revocable: 0, idle: false, revoke: () => {} };
  assert.equal(receive.take(other, 150 * KiB), true);
  assert.equal(statuses.length, 1);
});

test('answers count from when they wait to be compressed until each is sent', async () => {
  const send = new MemoryBudget(100 * KiB);
  const { base, call, stream } = openCall(UNARY, { send });
  const sent: (() => void)[] = [];
  base.sendMessage = (message, callback) => {
    stream.writableLength += (base.serializeMessage(message) as Buffer).length;
    sent.push(callback);
  };
  const answer = framed(randomBytes(40 * KiB));
  base.sendMetadata = () => {};
  base.serializeMessage = () => answer;
  compressAnswers(base, (bytes) => call.holdAnswer(bytes));
  for (let count = 1; count <= 2; count++) {
    base.sendMessage({}, () => {});
    assert.equal(send.used, count * answer.length);
  }
  let closed = false;
  stream.once('close', () => {
    closed = true;
  });
  base.sendMessage({}, () => {});
  assert.equal(closed, true);
  assert.equal(send.used, 0);
});
