import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metadata, status } from '@grpc/grpc-js';
import {
  forbidsRetry,
  isFaultOfRequest,
  isTransient,
  isWorthRepeating,
  retryPushbackMs,
  wasNotDone,
} from '../../../src/client/grpc-errors.js';
import { retryDelayMs, withRetry } from '../../../src/client/retry.js';

function serviceError(code: status, details: string, metadata: Record<string, string> = {}): Error {
  const trailer = new Metadata();
  for (const [key, value] of Object.entries(metadata)) trailer.set(key, value);
  return Object.assign(new Error(details), { code, details, metadata: trailer });
}

test('what passes is told from what does not', () => {
  assert.ok(isTransient(serviceError(status.UNAVAILABLE, 'starting')));
  assert.ok(isTransient(serviceError(status.RESOURCE_EXHAUSTED, 'queue full')));
  assert.ok(isTransient(serviceError(status.INTERNAL, 'Received RST_STREAM with code 2')));
  const tooLarge = serviceError(status.RESOURCE_EXHAUSTED, 'too big', { 'headwater-error': 'message_too_large' });
  assert.ok(!isTransient(tooLarge));
  assert.ok(isFaultOfRequest(tooLarge));
  assert.ok(!isTransient(serviceError(status.INTERNAL, 'a bug')));
  assert.ok(!isTransient(serviceError(status.NOT_FOUND, 'no head')));
  assert.ok(!isTransient(new Error('not of gRPC')));
  assert.ok(isFaultOfRequest(serviceError(status.INVALID_ARGUMENT, 'no image')));
  assert.ok(!isFaultOfRequest(serviceError(status.NOT_FOUND, 'no head')));
});

test('the delay that the server asks for is read', () => {
  const error = (value: string) => serviceError(status.RESOURCE_EXHAUSTED, 'x', { 'grpc-retry-pushback-ms': value });
  assert.equal(retryPushbackMs(error('250')), 250);
  assert.equal(retryPushbackMs(error('-1')), undefined);
  assert.equal(retryPushbackMs(error('soon')), undefined);
  assert.equal(retryPushbackMs(serviceError(status.UNAVAILABLE, 'x')), undefined);
});

test('delays double up to the limit, are spread by half, and give way to what the server asks', () => {
  const policy = { firstDelayMs: 100, maxDelayMs: 1000 };
  assert.deepEqual(
    [1, 2, 3, 4, 5, 500].map((attempt) => retryDelayMs(attempt, policy, undefined, 1)),
    [100, 200, 400, 800, 1000, 1000],
  );
  assert.equal(retryDelayMs(3, policy, undefined, 0), 200);
  assert.equal(retryDelayMs(1, policy, 5000, 0.5), 5000);
});

test('a call is tried until it succeeds, fails for good, or patience ends', async () => {
  const hooks = { isTransient: (error: unknown) => (error as Error).message === 'passes' };
  const policy = { patienceMs: 10_000, firstDelayMs: 1, maxDelayMs: 2 };
  let calls = 0;
  const flaky = async () => {
    if (++calls < 4) throw new Error('passes');
    return 'done';
  };
  assert.equal(await withRetry(flaky, policy, hooks), 'done');
  assert.equal(calls, 4);

  calls = 0;
  const broken = async () => {
    calls++;
    throw new Error('stays');
  };
  await assert.rejects(withRetry(broken, policy, hooks), /stays/);
  assert.equal(calls, 1);

  calls = 0;
  const down = async () => {
    calls++;
    throw new Error('passes');
  };
  await assert.rejects(withRetry(down, { ...policy, patienceMs: 0 }, hooks), /passes/);
  assert.equal(calls, 1);
});

test('an aborted wait ends with the reason', async () => {
  const stop = new AbortController();
  const policy = { patienceMs: 1e9, firstDelayMs: 1e8, maxDelayMs: 1e8 };
  const call = withRetry(() => Promise.reject(new Error('x')), policy, {
    isTransient: () => true,
    signal: stop.signal,
  });
  setImmediate(() => stop.abort(new Error('enough')));
  await assert.rejects(call, /enough/);
});

test('so many attempts are made and no more', async () => {
  let calls = 0;
  const down = () => {
    calls++;
    return Promise.reject(new Error('down'));
  };
  const policy = { patienceMs: 1e9, firstDelayMs: 1, maxDelayMs: 1, maxAttempts: 3 };
  await assert.rejects(withRetry(down, policy, { isTransient: () => true }), /down/);
  assert.equal(calls, 3);
});

test('what may be done twice is repeated when a wait can help', () => {
  const full = serviceError(status.RESOURCE_EXHAUSTED, 'full', { 'headwater-error': 'queue_full' });
  assert.ok(isWorthRepeating(full));
  assert.ok(isWorthRepeating(serviceError(status.UNAVAILABLE, 'draining')));
  const asked = serviceError(status.RESOURCE_EXHAUSTED, 'full', { 'grpc-retry-pushback-ms': '-1' });
  assert.ok(forbidsRetry(asked), 'a negative pushback asks for no retry (gRFC A6)');
  assert.ok(!isWorthRepeating(asked));
  assert.ok(!isWorthRepeating(serviceError(status.DEADLINE_EXCEEDED, 'late')));
  assert.ok(!isWorthRepeating(serviceError(status.UNAVAILABLE, 'Last error: self-signed certificate')));
  const heads = serviceError(status.RESOURCE_EXHAUSTED, 'heads', { 'headwater-error': 'heads_full' });
  assert.ok(!isWorthRepeating(heads), 'no wait makes room for a head');
});

test('what must not be done twice is repeated only when it was surely not done', () => {
  assert.ok(wasNotDone(serviceError(status.UNAVAILABLE, 'No connection established. Last error: ECONNREFUSED')));
  assert.ok(wasNotDone(serviceError(status.UNAVAILABLE, 'x', { 'headwater-error': 'starting' })));
  assert.ok(!wasNotDone(serviceError(status.UNAVAILABLE, 'Connection dropped')));
  assert.ok(!wasNotDone(serviceError(status.UNAVAILABLE, 'x', { 'headwater-error': 'nats_unavailable' })));
});
