import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageFrames } from '../../../../../src/server/grpc/transport/message-frames.js';

function framed(length: number): Buffer {
  const message = Buffer.alloc(5 + length, 0xff);
  message.writeUInt32BE(length, 1);
  return message;
}

test('messages end where they do, however they are cut into chunks', () => {
  const sizes = [0, 1, 300, 0, 70_000, 5];
  const stream = Buffer.concat(sizes.map(framed));
  for (const step of [1, 2, 3, 5, 7, 1000, 65_536, stream.length]) {
    const frames = new MessageFrames();
    const ended: number[] = [];
    for (let at = 0; at < stream.length; at += step) ended.push(...frames.read(stream.subarray(at, at + step)));
    assert.deepEqual(
      ended,
      sizes.map((size) => size + 5),
      `chunks of ${step}`,
    );
    assert.equal(frames.partial, 0);
  }
});

test('what has begun counts with its prefix', () => {
  const frames = new MessageFrames();
  frames.read(framed(100).subarray(0, 3));
  assert.equal(frames.partial, 3);
  frames.read(framed(100).subarray(3, 55));
  assert.equal(frames.partial, 55);
  assert.deepEqual(frames.read(framed(100).subarray(55)), [105]);
  assert.equal(frames.partial, 0);
});
