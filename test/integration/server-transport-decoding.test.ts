// Messages that are small on the wire and huge once decoded.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { status as Status } from '@grpc/grpc-js';
import { framed, INFER, rawCall, rawConnection } from '../support/raw-grpc.js';
import { startTestServer } from '../support/test-server.js';

const FEEDBACK = '/headwater.v1.LearningService/Feedback';

/** A length-delimited field. */
function field(number: number, body: Uint8Array): Buffer {
  const length: number[] = [];
  for (let rest = body.length; ; rest >>>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), body]);
}

const many = (number: number, count: number) => Buffer.alloc(2 * count, field(number, Buffer.alloc(0)));

const BOMBS: readonly [string, string, Buffer][] = [
  ['16 million empty labels', FEEDBACK, many(2, 16 << 20)],
  ['16 million empty tensors', INFER, many(5, 16 << 20)],
  ['16 million empty byte contents', INFER, field(5, field(5, many(8, 16 << 20)))],
  ['32 million numbers of a byte', INFER, field(5, field(5, field(2, Buffer.alloc(32 << 20, 1))))],
];

test('a message that becomes too much once decoded is refused before it is', async (t) => {
  const server = await startTestServer();
  t.after(() => server.close());
  const session = rawConnection(server.address);
  t.after(() => session.destroy());
  for (const [what, path, message] of BOMBS) {
    for (const compressed of [false, true]) {
      const call = rawCall(session, path, compressed ? { 'grpc-encoding': 'gzip' } : {});
      call.stream.end(framed(compressed ? gzipSync(message, { level: 1 }) : message, compressed));
      const { status, headers } = await call.ended;
      assert.equal(status, Status.RESOURCE_EXHAUSTED, what);
      assert.equal(headers['headwater-error'], 'message_too_large', what);
    }
  }
});

test('a message that hides what it becomes from the count is refused', async (t) => {
  const server = await startTestServer();
  t.after(() => server.close());
  const session = rawConnection(server.address);
  t.after(() => session.destroy());
  for (const trick of ['7b7c', '7a8080808010']) {
    const call = rawCall(session, INFER);
    call.stream.end(framed(Buffer.concat([Buffer.from(trick, 'hex'), many(5, 100_000)])));
    const { headers } = await call.ended;
    assert.equal(headers['headwater-error'], 'message_malformed', trick);
  }
});
