import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Metadata, status } from '@grpc/grpc-js';
import { isUnreachable } from '../../../../src/client/grpc-errors.js';
import { asFailure } from '../../../../src/server/client/as-failure.js';
import { LabelRefused } from '../../../../src/server/client/label-sender.js';
import { resolveNatsAddress } from '../../../../src/server/client/nats-address.js';
import { labelMessage } from '../../../../src/server/client/nats-sender.js';
import { holdoutAccuracy } from '../../../../src/server/client/predict-held-out.js';
import { unsettled } from '../../../../src/server/client/settle.js';

function serviceError(code: status, details: string, metadata: Record<string, string> = {}): Error {
  const trailer = new Metadata();
  for (const [key, value] of Object.entries(metadata)) trailer.set(key, value);
  return Object.assign(new Error(details), { code, details, metadata: trailer });
}

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
