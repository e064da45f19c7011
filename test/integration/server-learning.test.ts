import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ServiceError, status as Status } from '@grpc/grpc-js';
import type { Head__Output } from '../../protos/index.js';
import { call, failure, PETS, startTestServer, type TestServer } from '../support/test-server.js';

let server: TestServer;
before(async () => {
  server = await startTestServer({ set: ['labels.inFlight=5', 'limits.heads=3'] });
  server.learning.heads.teach('pets', PETS);
});
after(() => server.close());

type Teacher = TestServer['teacher'];
type Unary = 'Feedback' | 'CreateHead' | 'DeleteHead' | 'ListHeads' | 'GetHead' | 'RollbackHead';
const ask = <K extends Unary>(
  method: K,
  request: object,
  // biome-ignore lint/suspicious/noExplicitAny: the generated overloads have no common type
): Promise<any> => call(server.teacher[method] as any, server.teacher as Teacher, request);

test('labels are handed on as they are, and answered with their positions', async () => {
  const answer = await ask('Feedback', {
    head: 'pets',
    labels: [
      { id: 'a', label: 'cat' },
      { label: 'dog', embedding: [1, 2, 3] },
      { id: 'c', label: 'eel', image: Buffer.from('x') },
    ],
  });
  assert.deepEqual(answer.sequences, [100, 101, 102]);
  assert.deepEqual(server.learning.labels.at(-1), {
    head: 'pets',
    labels: [
      { id: 'a', label: 'cat', image: undefined, embedding: undefined },
      { id: '', label: 'dog', image: undefined, embedding: [1, 2, 3] },
      { id: 'c', label: 'eel', image: Buffer.from('x'), embedding: undefined },
    ],
  });
});

test('labels that are refused', async () => {
  const empty = await failure(ask('Feedback', { head: 'pets' }));
  assert.deepEqual([empty.code, /expected at least one label/.test(empty.details)], [Status.INVALID_ARGUMENT, true]);
  const invalid = await failure(ask('Feedback', { head: 'pets', labels: [{ id: 'x' }] }));
  assert.equal(invalid.code, Status.INVALID_ARGUMENT);
  const unknown = await failure(ask('Feedback', { head: 'nope', labels: [{ id: 'x', label: 'y' }] }));
  assert.equal(unknown.code, Status.NOT_FOUND);
});

test('too many labels in flight are RESOURCE_EXHAUSTED at once, with a delay', async () => {
  let release = () => {};
  server.learning.hold = new Promise((resolve) => {
    release = resolve;
  });
  const labels = (count: number) => Array.from({ length: count }, (_, index) => ({ id: `${index}`, label: 'cat' }));
  const held = ask('Feedback', { head: 'pets', labels: labels(4) });
  const refused = await failure(Promise.race([ask('Feedback', { head: 'pets', labels: labels(2) }), sleep(5000)]));
  assert.equal(refused.code, Status.RESOURCE_EXHAUSTED);
  assert.match(refused.details, /labels in flight \(labels\.inFlight\)/);
  assert.ok(Number(refused.metadata.get('grpc-retry-pushback-ms')[0]) > 0);
  release();
  server.learning.hold = Promise.resolve();
  assert.equal((await held).sequences.length, 4);
});

test('more labels in one request than can ever be in flight are INVALID_ARGUMENT, in streams too', async () => {
  const labels = Array.from({ length: 6 }, (_, index) => ({ id: `${index}`, label: 'cat' }));
  const refused = await failure(ask('Feedback', { head: 'pets', labels }));
  assert.equal(refused.code, Status.INVALID_ARGUMENT);
  assert.match(refused.details, /^labels: 6 in one request, labels\.inFlight is 5/);
  const stream = server.teacher.StreamFeedback();
  const answered = new Promise<{ code: number }>((resolve) => stream.on('data', resolve));
  stream.write({ head: 'pets', labels });
  assert.equal((await answered).code, Status.INVALID_ARGUMENT);
  stream.end();
});

test('a stream of feedback is answered in order, refusals among the answers', async () => {
  const stream = server.teacher.StreamFeedback();
  const answers: { sequences: number[]; error: string; code: number }[] = [];
  stream.on('data', (answer) => answers.push(answer));
  const ended = new Promise((resolve) => stream.on('end', resolve));
  stream.write({ head: 'pets', labels: [{ id: 'a', label: 'cat' }] });
  stream.write({ head: 'nope', labels: [{ id: 'a', label: 'cat' }] });
  stream.write({ head: 'pets', labels: [{ id: 'b', label: 'dog' }] });
  stream.end();
  await ended;
  assert.deepEqual(
    answers.map(({ code }) => code),
    [0, Status.NOT_FOUND, 0],
  );
  assert.match(answers[1]!.error, /nope/);
  assert.equal(answers[2]!.sequences.length, 1);
});

test('heads: create, list, get, roll back, delete', async () => {
  const created = await ask('CreateHead', { name: 'birds', backbone: 'tiny', classes: ['wren', 'tit'] });
  assert.deepEqual([created.name, created.open, created.dimensions, created.maxClasses], ['birds', false, 3, 1000]);
  const definition = server.learning.heads.status('birds')?.definition;
  assert.equal(definition?.backboneIdentity, 'identity-of-tiny');
  assert.deepEqual([definition?.learner.serve, definition?.learner.train], ['auto', 'auto']);
  assert.deepEqual([created.serve, created.train], ['auto', []]);
  assert.deepEqual(
    (await ask('ListHeads', {})).heads.map(({ name }: Head__Output) => name),
    ['birds', 'pets'],
  );

  const pets: Head__Output = await ask('GetHead', { name: 'pets' });
  assert.deepEqual([pets.logSequence, pets.labelsWaiting, pets.snapshotSequence, pets.state], [12, 7, 10, 'ready']);
  assert.deepEqual(
    pets.versions.map(({ version, digest }) => [version, digest]),
    [[1, 'digest-1']],
  );
  assert.deepEqual(
    pets.labelResults,
    { trained: 0, duplicate: 0, unknown_id: 0, late: 0, invalid: 0 },
    'a server that joins tells zeros',
  );
  assert.deepEqual([pets.servedLabelled, pets.servedCorrect], [8, 6]);

  server.learning.heads.teach('pets', PETS);
  const pinned: Head__Output = await ask('RollbackHead', { name: 'pets', version: 1 });
  assert.deepEqual([pinned.servingVersion, pinned.latestVersion, pinned.pinned], [1, 2, true]);
  assert.equal((await failure(ask('RollbackHead', { name: 'pets', version: 9 }))).code, Status.NOT_FOUND);
  await ask('RollbackHead', { name: 'pets', version: 0 });

  await ask('DeleteHead', { name: 'birds', expectedVersion: 0 });
  const gone = await failure(ask('GetHead', { name: 'birds' }));
  assert.deepEqual([gone.code, gone.details], [Status.NOT_FOUND, 'no head "birds"; there are pets']);
});

const CREATE: [string, object, Status, RegExp][] = [
  [
    'a name with a space',
    { name: 'a b', backbone: 'tiny' },
    Status.INVALID_ARGUMENT,
    /name: expected a name of 1 to 63/,
  ],
  ['the name of a backbone', { name: 'tiny', backbone: 'tiny' }, Status.ALREADY_EXISTS, /is a backbone/],
  ['a name that is taken', { name: 'pets', backbone: 'tiny' }, Status.ALREADY_EXISTS, /already/],
  ['an unknown backbone', { name: 'x', backbone: 'huge' }, Status.NOT_FOUND, /backbone: no "huge"; there are tiny/],
  [
    'a class with a line break',
    { name: 'x', backbone: 'tiny', classes: ['a', 'b\r\n'] },
    Status.INVALID_ARGUMENT,
    /classes: entry 1: expected a class name/,
  ],
  ['a class twice', { name: 'x', backbone: 'tiny', classes: ['a', 'a'] }, Status.INVALID_ARGUMENT, /listed twice/],
  [
    'an unknown champion',
    { name: 'x', backbone: 'tiny', serve: 'magic' },
    Status.INVALID_ARGUMENT,
    /^serve: expected one/,
  ],
  [
    'a champion that does not train',
    { name: 'x', backbone: 'tiny', serve: 'rls', train: ['sgd'] },
    Status.INVALID_ARGUMENT,
    /^serve: expected a candidate that is trained/,
  ],
  [
    'an unknown learner',
    { name: 'x', backbone: 'tiny', train: ['sgd', 'x'] },
    Status.INVALID_ARGUMENT,
    /^train: expected/,
  ],
  ['too many classes', { name: 'x', backbone: 'tiny', maxClasses: 1_000_000 }, Status.INVALID_ARGUMENT, /max_classes/],
];
for (const [what, request, code, message] of CREATE) {
  test(`a head with ${what} is not created`, async () => {
    const error = await failure(ask('CreateHead', request));
    assert.equal(Status[error.code], Status[code]);
    assert.match(error.details, message);
  });
}

test('the number of heads has a limit', async () => {
  await ask('CreateHead', { name: 'two', backbone: 'tiny' });
  await ask('CreateHead', { name: 'three', backbone: 'tiny' });
  const error = await failure(ask('CreateHead', { name: 'four', backbone: 'tiny' }));
  assert.deepEqual([error.code, /limits\.heads is 3/.test(error.details)], [Status.RESOURCE_EXHAUSTED, true]);
  for (const name of ['two', 'three']) await ask('DeleteHead', { name, expectedVersion: 0 });
});

test('only GetHead asks NATS: lists and watchers tell what is known', async () => {
  const { heads } = server.learning;
  const before = heads.asked;
  const [listed] = (await ask('ListHeads', {})).heads as Head__Output[];
  const stream = server.teacher.WatchHead({ name: 'pets', intervalMs: 100 });
  stream.on('error', () => {});
  const watched = await new Promise<Head__Output>((resolve) => stream.on('data', resolve));
  stream.cancel();
  for (const head of [listed!, watched]) {
    const told = [head.name, head.state, head.logSequence, head.labelsWaiting, head.lag];
    assert.deepEqual(told, ['pets', 'ready', head.snapshotSequence, 0, 2]);
  }
  assert.equal(heads.asked, before);
  await ask('GetHead', { name: 'pets' });
  assert.equal(heads.asked, before + 1);
});

test('a watcher sees the head now and then, until it is deleted', async () => {
  await ask('CreateHead', { name: 'watched', backbone: 'tiny' });
  const stream = server.teacher.WatchHead({ name: 'watched', intervalMs: 100 });
  const seen: number[] = [];
  stream.on('data', (head: Head__Output) => {
    seen.push(head.latestVersion);
    if (seen.length === 1) server.learning.heads.teach('watched', PETS);
    if (seen.length === 3) void server.learning.heads.delete('watched', 1);
  });
  await new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject));
  assert.deepEqual(seen, [0, 1, 1]);
  const error = await new Promise<ServiceError>((resolve) => {
    const refused = server.teacher.WatchHead({ name: 'watched' });
    refused.on('data', () => {}).on('error', (failed) => resolve(failed as ServiceError));
  });
  assert.equal(error.code, Status.NOT_FOUND);
});

test('with NATS away, what needs it is UNAVAILABLE and the rest goes on', async () => {
  server.learning.connected = false;
  assert.equal(
    (await failure(ask('Feedback', { head: 'pets', labels: [{ id: 'a', label: 'b' }] }))).code,
    Status.UNAVAILABLE,
  );
  assert.equal((await failure(ask('CreateHead', { name: 'x', backbone: 'tiny' }))).code, Status.UNAVAILABLE);
  assert.equal((await failure(ask('GetHead', { name: 'pets' }))).code, Status.UNAVAILABLE);
  assert.equal((await failure(ask('DeleteHead', { name: 'pets', expectedVersion: 1 }))).code, Status.UNAVAILABLE);
  assert.equal((await failure(ask('RollbackHead', { name: 'pets', version: 1 }))).code, Status.UNAVAILABLE);
  const watching = server.teacher.WatchHead({ name: 'pets', intervalMs: 100 });
  watching.on('error', () => {});
  const watched = await new Promise<Head__Output>((resolve) => watching.on('data', resolve));
  watching.cancel();
  assert.deepEqual([watched.name, /NATS is away/.test(watched.state)], ['pets', true]);
  const { heads } = await ask('ListHeads', {});
  assert.match(heads[0].state, /NATS is away/);
  const answer = await server.infer({
    modelName: 'pets',
    inputs: [{ name: 'embedding', datatype: 'FP32', shape: [1, 3], contents: { fp32Contents: [1, 2, 3] } }],
  });
  assert.equal(answer.parameters.recorded?.boolParam, false);
  assert.match((await server.get('/metrics')).body, /^headwater_nats_connected 0$/m);
  assert.equal((await server.get('/readyz')).status, 200, 'predictions go on');
  server.learning.connected = true;
  assert.match((await server.get('/metrics')).body, /^headwater_nats_connected 1$/m);
});
