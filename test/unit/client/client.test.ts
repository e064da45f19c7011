import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metadata, status } from '@grpc/grpc-js';
import { channelSecurity } from '../../../src/client/channel.js';
import { asHeadwaterError, refusal } from '../../../src/client/errors.js';
import { ERROR_CODES, HeadwaterClient, HeadwaterError } from '../../../src/client/index.js';
import { feedbackRequest, readFeedback } from '../../../src/client/labels.js';
import { withinLimits } from '../../../src/client/limits.js';
import { ERRORS } from '../../../src/server/errors.js';

test('the codes that the client knows are those of the server', () => {
  assert.deepEqual([...ERROR_CODES].sort(), Object.keys(ERRORS).sort());
});

test('an error has the status, the code and the delay that the server told', () => {
  const metadata = new Metadata();
  metadata.set('headwater-error', 'queue_full');
  metadata.set('grpc-retry-pushback-ms', '40');
  const raw = Object.assign(new Error('x'), { code: status.RESOURCE_EXHAUSTED, details: 'full', metadata });
  const error = asHeadwaterError(raw) as HeadwaterError;
  assert.ok(error instanceof HeadwaterError);
  assert.deepEqual(
    [error.status, error.code, error.message, error.retryDelayMs, error.cause],
    ['RESOURCE_EXHAUSTED', 'queue_full', 'full', 40, raw],
  );
  const other = new TypeError('mine');
  assert.equal(asHeadwaterError(other), other);
});

test('a token goes over TLS, or to this machine', () => {
  const token = 'hw_x';
  assert.throws(() => new HeadwaterClient('example.org:8001', { token }), /unencrypted/);
  assert.throws(() => channelSecurity('dns:///headwater:8001', { token }), /unencrypted/);
  for (const server of ['localhost:1', '127.0.0.1:1', '[::1]:1', 'dns:///localhost:1']) {
    assert.equal(channelSecurity(server, { token }).interceptors.length, 1, server);
  }
  const { credentials, serverName } = channelSecurity('example.org:1', { token, tls: { serverName: 'inner' } });
  assert.deepEqual([credentials._isSecure(), serverName], [true, 'inner']);
  assert.throws(() => channelSecurity('x:1', { tls: { key: 'k' } }), /belong together/);
});

test('labels without an id get one when they bring what to learn from', () => {
  const { request, ids } = feedbackRequest('pets', [
    { id: 'a', label: 'cat' },
    { label: 'dog', embedding: Float32Array.of(1, 2) },
    { label: 'dog', image: Buffer.from('jpeg') },
  ]);
  assert.equal(ids[0], 'a');
  assert.match(ids[1] as string, /^[0-9a-f-]{36}$/);
  assert.notEqual(ids[1], ids[2]);
  assert.deepEqual(
    request.labels?.map(({ id }) => id),
    ids,
  );
  assert.deepEqual(request.labels?.[1]?.embedding, [1, 2]);
  assert.throws(() => feedbackRequest('pets', [{ label: 'cat' }]), /labels\[0\]: expected the id/);
});

test('a refused label of a stream is an error as of a call', () => {
  const stored = { sequences: [7], error: '', code: 0, errorCode: '', retryDelayMs: 0 };
  assert.deepEqual(readFeedback(stored), [7]);
  const refused = { sequences: [], error: 'many', code: 8, errorCode: 'labels_full', retryDelayMs: 250 };
  try {
    readFeedback(refused);
    assert.fail('it was refused');
  } catch (error) {
    const { status: name, code, retryDelayMs } = asHeadwaterError(error) as HeadwaterError;
    assert.deepEqual([name, code, retryDelayMs], ['RESOURCE_EXHAUSTED', 'labels_full', 250]);
  }
  assert.equal((asHeadwaterError(refusal(14, 'x', '', 0)) as HeadwaterError).retryDelayMs, undefined);
});

test('limits: the time, and the signal of the caller', async () => {
  const until = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  await assert.rejects(
    withinLimits(5, undefined, ({ signal }) => until(signal)),
    (error: HeadwaterError) => error.status === 'DEADLINE_EXCEEDED' && error.code === undefined,
  );
  const stop = new AbortController();
  const work = withinLimits(1e6, stop.signal, ({ signal }) => until(signal));
  stop.abort(new Error('enough'));
  await assert.rejects(work, /enough/);
  await assert.rejects(
    withinLimits(1, AbortSignal.abort(new Error('before')), async () => 1),
    /before/,
  );
  assert.equal(await withinLimits(1e6, undefined, async ({ remainingMs }) => remainingMs() > 1e5), true);
});
