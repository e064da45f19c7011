import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Metadata, status } from '@grpc/grpc-js';
import type { ModelInferResponse__Output } from '../../../../protos/index.js';
import {
  asFailure,
  isFaultOfRequest,
  isTransient,
  isUnreachable,
  retryPushbackMs,
} from '../../../../src/server/client/grpc-errors.js';
import { LabelRefused } from '../../../../src/server/client/label-sender.js';
import { resolveNatsAddress } from '../../../../src/server/client/nats-address.js';
import { labelMessage } from '../../../../src/server/client/nats-sender.js';
import { holdoutAccuracy } from '../../../../src/server/client/predict-held-out.js';
import { retryDelayMs, withRetry } from '../../../../src/server/client/retry.js';
import { unsettled } from '../../../../src/server/client/settle.js';
import { Slots } from '../../../../src/server/client/slots.js';
import { decodeBytes, encodeBytes, imageRequest, readAnswer } from '../../../../src/server/client/tensors.js';

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

test('errors say who was asked and what to do', () => {
  const refused = serviceError(status.UNAVAILABLE, 'No connection established. Last error: ECONNREFUSED');
  assert.ok(isUnreachable(refused));
  assert.match(asFailure(refused, 'host:1').message, /^no server at host:1; start one with/);
  assert.ok(!isUnreachable(serviceError(status.UNAVAILABLE, 'draining')));
  assert.equal(
    asFailure(serviceError(status.NOT_FOUND, 'no head "x"'), 'host:1').message,
    'host:1 answers NOT_FOUND: no head "x"',
  );
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

test('BYTES tensors survive the way there and back, and cut ones are refused', () => {
  const elements = [Buffer.from(''), Buffer.from('a:b'), Buffer.alloc(300, 7)];
  assert.deepEqual(decodeBytes(encodeBytes(elements)), elements);
  assert.throws(() => decodeBytes(encodeBytes(elements).subarray(0, -1)), RangeError);
  assert.throws(() => decodeBytes(Buffer.from([1, 0])), RangeError);
});

test('a request carries the image raw and asks for the best classes only when wanted', () => {
  const plain = imageRequest('demo', 'id', Buffer.from('xy'));
  assert.deepEqual(
    plain.outputs?.map(({ name }) => name),
    ['label'],
  );
  assert.deepEqual(plain.rawInputContents, [Buffer.from([2, 0, 0, 0, 120, 121])]);
  assert.deepEqual(imageRequest('demo', '', Buffer.from('x'), 5).outputs?.[1], {
    name: 'probabilities',
    parameters: { classification: { int64Param: 5 } },
  });
});

function response(contents: 'raw' | 'typed'): ModelInferResponse__Output {
  const label = Buffer.from('a:b');
  const top = [Buffer.from('0.9:2:a:b'), Buffer.from('1e-3:0:c')];
  const output = (name: string, elements: Buffer[]) => ({
    name,
    datatype: 'BYTES',
    shape: [elements.length],
    parameters: {},
    contents: contents === 'typed' ? { bytesContents: elements } : null,
  });
  return {
    modelName: 'demo',
    modelVersion: '7',
    id: 'x',
    parameters: { recorded: { boolParam: true } },
    outputs: [output('label', [label]), output('probabilities', top)],
    rawOutputContents: contents === 'raw' ? [encodeBytes([label]), encodeBytes(top)] : [],
  } as unknown as ModelInferResponse__Output;
}

test('answers are read from raw and from typed contents; class names may hold colons', () => {
  const expected = {
    id: 'x',
    label: 'a:b',
    version: '7',
    recorded: true,
    top: [
      { name: 'a:b', probability: 0.9 },
      { name: 'c', probability: 0.001 },
    ],
  };
  assert.deepEqual(readAnswer(response('raw')), expected);
  assert.deepEqual(readAnswer(response('typed')), expected);
});

test('a head is settled when labels, log, snapshot and what is served have met', () => {
  const settled = {
    labelsWaiting: 0,
    snapshotSequence: 5,
    logSequence: 5,
    servingVersion: 2,
    latestVersion: 2,
    pinned: false,
    versions: [{ version: 2, samples: 5, logSequence: 5, createdAtMs: 0, digest: '' }],
  };
  assert.equal(unsettled(settled), undefined);
  assert.equal(
    unsettled({ ...settled, latestVersion: 0, servingVersion: 0, versions: [], snapshotSequence: 0, logSequence: 0 }),
    undefined,
  );
  assert.match(unsettled({ ...settled, labelsWaiting: 3 }) ?? '', /3 labels/);
  assert.match(unsettled({ ...settled, logSequence: 9 }) ?? '', /position 5 of the log, whose end is 9/);
  assert.match(unsettled({ ...settled, servingVersion: 1 }) ?? '', /version 1 is served, 2 is the newest/);
  assert.equal(unsettled({ ...settled, servingVersion: 1, pinned: true }), undefined);
});

test('holdout accuracy counts images, and classes alike', () => {
  const classes = new Map([
    ['a', { count: 4, correct: 4 }],
    ['b', { count: 1, correct: 0 }],
  ]);
  assert.deepEqual(holdoutAccuracy({ classes }), { correct: 4, count: 5, accuracy: 0.8, meanPerClass: 0.5 });
  assert.deepEqual(holdoutAccuracy({ classes: new Map() }), {
    correct: 0,
    count: 0,
    accuracy: null,
    meanPerClass: null,
  });
});

test('labels as NATS messages: JSON to join, bytes with headers for samples', () => {
  const join = labelMessage({ id: 'r:ü:"1', label: 'ü' });
  assert.deepEqual(JSON.parse(Buffer.from(join.payload).toString()), { id: 'r:ü:"1', label: 'ü' });
  assert.equal(join.headers, undefined);
  const sample = labelMessage({ id: 'r:ü:1', label: 'ü', image: Buffer.from('jpeg') });
  assert.equal(Buffer.from(sample.payload).toString(), 'jpeg');
  assert.equal(sample.headers?.get('Headwater-Label'), 'ü');
  assert.equal(sample.headers?.get('Headwater-Id'), 'r:ü:1');
  assert.throws(() => labelMessage({ id: 'x', label: 'cat ', image: Buffer.from('jpeg') }), LabelRefused);
});

test('NATS addresses: URLs with credentials, lists, and nats.json', async (t) => {
  const address = await resolveNatsAddress('nats://us%40er:p%3Aw@h:1,nats://h2');
  assert.deepEqual([address.servers, address.user, address.password], [['h:1', 'h2:4222'], 'us@er', 'p:w']);
  await assert.rejects(resolveNatsAddress('http://user:hush@h'), (error: Error) => {
    assert.match(error.message, /--nats/);
    assert.doesNotMatch(error.message, /hush/);
    return true;
  });
  const folder = await mkdtemp(join(tmpdir(), 'headwater-nats-json-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'nats.json');
  await writeFile(file, JSON.stringify({ url: 'nats://headwater:pw@127.0.0.1:99', port: 99 }));
  assert.deepEqual((await resolveNatsAddress(file)).servers, ['127.0.0.1:99']);
  assert.deepEqual((await resolveNatsAddress('127.0.0.1:77')).servers, ['127.0.0.1:77']);
  await writeFile(file, '{');
  await assert.rejects(resolveNatsAddress(file), /is no nats\.json/);
  await assert.rejects(resolveNatsAddress(join(folder, 'none.json')), /ENOENT.*give nats:\/\//);
});

test('slots let so many work at once and serve those that wait in order', async () => {
  const slots = new Slots(2);
  let working = 0;
  let most = 0;
  const order: number[] = [];
  const task = (index: number) =>
    slots.run(async () => {
      most = Math.max(most, ++working);
      order.push(index);
      await new Promise((resolve) => setTimeout(resolve, 2));
      working--;
      if (index === 3) throw new Error('three');
    });
  const results = await Promise.allSettled([0, 1, 2, 3, 4, 5].map(task));
  assert.equal(most, 2);
  assert.deepEqual(order, [0, 1, 2, 3, 4, 5]);
  assert.equal(results.filter(({ status: how }) => how === 'rejected').length, 1);
});
