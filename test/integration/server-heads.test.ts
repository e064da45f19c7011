import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ServiceError, status as Status } from '@grpc/grpc-js';
import type { ActResponse__Output, Head__Output } from '../../protos/index.js';
import { call, failure, PETS, startTestServer, type TestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

let server: TestServer;
before(async () => {
  server = await startTestServer({ set: ['limits.headBytes=3MiB', 'limits.heads=3'] });
  server.learning.heads.teach('pets', PETS);
  server.learning.heads.teach('pets', PETS);
});
after(() => server.close());

type Call = 'CreateHead' | 'DeleteHead' | 'GetHead' | 'PromoteHead' | 'SetLearners' | 'DeleteClass' | 'RenameClass';
/** A unary call of the learning service. */
// biome-ignore lint/suspicious/noExplicitAny: the generated overloads have no common type
type Method = (...parameters: any[]) => unknown;
const ask = <Response>(method: Call, request: object): Promise<Response> =>
  call(server.teacher[method] as Method, server.teacher, request);

test('a head tells its candidates, what serves and why, drift, confusions and who teaches it', async () => {
  const head: Head__Output = await ask('GetHead', { name: 'pets' });
  assert.deepEqual([head.champion, head.serve, head.train, head.taughtBy], ['blend', 'auto', [], 'here']);
  assert.deepEqual(
    head.learners.map(({ name, temperature, accuracy }) => [name, temperature, accuracy[1]?.accuracy]),
    [
      ['blend', 1.25, 0.75],
      ['slda', 1.25, 0.5],
      ['sgd', 1.25, 0.25],
    ],
  );
  assert.deepEqual(head.promotions, [
    { from: 'sgd', to: 'blend', logSequence: 8, samples: 7, reason: 'log loss 0.6 against 0.7' },
  ]);
  assert.deepEqual(
    [head.drift?.level, head.drift?.history.map((event) => [event.level, event.logSequence, event.errorAfter])],
    ['warning', [['warning', 9, 0.5]]],
  );
  assert.deepEqual([head.calibrationError, head.skipped, head.compactedTo], [0.125, 1, 0]);
  assert.deepEqual(head.confusions, [{ label: 'cat', predicted: 'dog', count: 2 }]);
  assert.deepEqual(head.aliases, [{ from: 'kitty', to: 'cat' }]);
  assert.deepEqual(head.waits, { count: 3, seconds: 0.25 });
  assert.deepEqual(
    head.versions.map(({ version, champion, accuracy, hasState }) => [version, champion, accuracy, hasState]),
    [
      [2, 'blend', 0.5, true],
      [1, 'sgd', undefined, false],
    ],
  );
});

test('a head is created with what was chosen for it', async () => {
  const head: Head__Output = await ask('CreateHead', {
    name: 'x',
    backbone: 'tiny',
    serve: 'slda',
    train: ['slda', 'sgd'],
  });
  const { learner } = server.learning.heads.status('x')!.definition;
  assert.deepEqual([learner.serve, learner.train], ['slda', ['slda', 'sgd']]);
  assert.deepEqual(head.train, ['slda', 'sgd']);
  await ask('DeleteHead', { name: 'x', expectedVersion: 0 });
});

test('deleting needs a version that the head has', async () => {
  for (const expectedVersion of [0, 3]) {
    const error = await failure(ask('DeleteHead', { name: 'pets', expectedVersion }));
    assert.equal(Status[error.code], 'FAILED_PRECONDITION');
    assert.deepEqual(error.metadata.get('headwater-error'), ['version_mismatch']);
    assert.match(error.details, /at version 2, not/);
  }
  const none = await failure(ask('DeleteHead', { name: 'pets' }));
  assert.equal(Status[none.code], 'INVALID_ARGUMENT');
  assert.deepEqual(none.metadata.get('headwater-error'), ['request_invalid']);
  assert.match(none.details, /^expected_version: expected .* got nothing$/);
  const neither = await failure(ask('DeleteHead', { name: 'nope' }));
  assert.equal(Status[neither.code], 'NOT_FOUND');

  await ask('CreateHead', { name: 'x', backbone: 'tiny' });
  assert.match(
    (await failure(ask('DeleteHead', { name: 'x' }))).details,
    /^expected_version/,
    'an old client asks for 0',
  );
  server.learning.heads.teach('x', PETS);
  server.learning.heads.teach('x', PETS);
  await ask('DeleteHead', { name: 'x', expectedVersion: 1 });
  assert.equal((await failure(ask('GetHead', { name: 'x' }))).code, Status.NOT_FOUND);
});

const ACTS: [Call, object, object][] = [
  ['PromoteHead', { candidate: 'slda' }, { kind: 'promote', candidate: 'slda' }],
  ['PromoteHead', { candidate: 'auto' }, { kind: 'promote', candidate: null }],
  ['PromoteHead', {}, { kind: 'promote', candidate: null }],
  ['SetLearners', { learners: ['rls', 'sgd'] }, { kind: 'set_learners', learners: ['rls', 'sgd'] }],
  ['DeleteClass', { className: 'eel' }, { kind: 'delete_class', name: 'eel' }],
  ['RenameClass', { from: 'cat', to: 'e\u0301' }, { kind: 'rename_class', from: 'cat', to: '\u00e9' }],
];
for (const [method, request, act] of ACTS) {
  test(`${method} ${JSON.stringify(request)} is an entry in the log, answered once it has happened`, async () => {
    const { acts } = server.learning.heads.need('pets');
    const before = acts.length;
    const answer: ActResponse__Output = await ask(method, { name: 'pets', ...request });
    assert.deepEqual(acts.slice(before), [act]);
    assert.deepEqual([answer.applied, answer.sequence], [true, 20 + acts.length]);
    assert.equal(answer.head?.name, 'pets');
    assert.ok(answer.head.snapshotSequence >= answer.sequence);
  });
}

const REFUSED: [Call, object, string, RegExp][] = [
  ['PromoteHead', { candidate: 'magic' }, 'INVALID_ARGUMENT', /candidate: expected auto or one of sgd,.* got "magic"/],
  ['SetLearners', {}, 'INVALID_ARGUMENT', /learners: expected at least one of sgd/],
  ['SetLearners', { learners: ['blend'] }, 'INVALID_ARGUMENT', /learners: expected sgd, slda, rls, refit; got "blend"/],
  ['SetLearners', { learners: ['sgd', 'sgd'] }, 'INVALID_ARGUMENT', /learners: expected each once/],
  ['DeleteClass', {}, 'INVALID_ARGUMENT', /class_name: expected a class name: it is empty/],
  ['DeleteClass', { className: 'wolf' }, 'NOT_FOUND', /no class 'wolf'/],
  ['RenameClass', { from: 'cat', to: 'a\nb' }, 'INVALID_ARGUMENT', /to: expected a class name: it has control/],
  ['RenameClass', { from: 'cat', to: 'cat' }, 'INVALID_ARGUMENT', /to: expected another name/],
  ['PromoteHead', { name: 'nope' }, 'NOT_FOUND', /no head "nope"/],
];
for (const [method, request, code, message] of REFUSED) {
  test(`${method} ${JSON.stringify(request)} is refused`, async () => {
    const { acts } = server.learning.heads.need('pets');
    const before = acts.length;
    const error = await failure(ask(method, { name: 'pets', ...request }));
    assert.equal(Status[error.code], code);
    assert.match(error.details, message);
    assert.equal(acts.length, before);
  });
}

test('an act is waited for until it happens', async () => {
  const { heads } = server.learning;
  heads.appliesActs = false;
  let isAnswered = false;
  const answer = ask<ActResponse__Output>('PromoteHead', { name: 'pets', candidate: 'sgd' }).finally(() => {
    isAnswered = true;
  });
  const { acts } = heads.need('pets');
  const count = acts.length;
  await until('the act is stored', () => acts.length > count);
  await sleep(60);
  assert.equal(isAnswered, false);
  heads.apply('pets', 20 + acts.length);
  assert.equal((await answer).applied, true);
  heads.appliesActs = true;
});

test('an act on a head without a version is applied when its learner is past it', async () => {
  const { heads } = server.learning;
  await ask('CreateHead', { name: 'fresh', backbone: 'tiny' });
  heads.need('fresh').status = { snapshotSequence: 0, learnedSequence: 5 };
  const answer: ActResponse__Output = await ask('PromoteHead', { name: 'fresh', candidate: 'slda' });
  assert.deepEqual([answer.applied, answer.sequence], [true, 1]);
  await ask('DeleteHead', { name: 'fresh', expectedVersion: 0 });
});

test('an act that is not applied before the deadline is told to be stored', async () => {
  const { heads } = server.learning;
  heads.appliesActs = false;
  const answer = await new Promise<ActResponse__Output>((resolve, reject) => {
    const deadline = Date.now() + 1500;
    server.teacher.PromoteHead({ name: 'pets', candidate: 'sgd' }, { deadline }, (error, response) =>
      error ? reject(error) : resolve(response!),
    );
  });
  assert.equal(answer.applied, false);
  assert.ok(answer.sequence > (answer.head?.snapshotSequence ?? 0));
  heads.appliesActs = true;
});

test('an act on a head that is deleted meanwhile is NOT_FOUND', async () => {
  const { heads } = server.learning;
  await ask('CreateHead', { name: 'brief', backbone: 'tiny' });
  heads.appliesActs = false;
  const refused = failure(ask('PromoteHead', { name: 'brief', candidate: 'sgd' }));
  await until('the act is stored', () => heads.need('brief').acts.length > 0);
  await heads.delete('brief', 0);
  heads.appliesActs = true;
  const { code, details } = await refused;
  assert.deepEqual([code, /was deleted before/.test(details)], [Status.NOT_FOUND, true]);
});

interface Exported {
  readonly version: number;
  readonly totalBytes: number;
  readonly bytes: Buffer;
  readonly messages: number;
}

function exportHead(name: string, version = 0): Promise<Exported> {
  return new Promise((resolve, reject) => {
    const messages: { version: number; totalBytes: number; chunk: Buffer }[] = [];
    const stream = server.teacher.ExportHead({ name, version });
    stream.on('data', (message) => messages.push(message));
    stream.on('error', reject);
    stream.on('end', () => {
      const [first] = messages;
      const bytes = Buffer.concat(messages.map(({ chunk }) => chunk));
      if (first) resolve({ version: first.version, totalBytes: first.totalBytes, bytes, messages: messages.length });
    });
  });
}

/** Sends messages as they are given. */
function importHead(messages: readonly object[], end = true): { answer: Promise<Head__Output>; cancel(): void } {
  let cancel = () => {};
  const answer = new Promise<Head__Output>((resolve, reject) => {
    const stream = server.teacher.ImportHead((error, head) => (error ? reject(error) : resolve(head!)));
    for (const message of messages) stream.write(message);
    if (end) stream.end();
    cancel = () => stream.cancel();
  });
  return { answer, cancel };
}

const NEW = { name: 'moved', backbone: 'tiny' };
const X = Buffer.from('x');

test('a head is exported in chunks, and imported from chunks', async () => {
  const { heads } = server.learning;
  heads.exported = Buffer.from(Array.from({ length: 2_500_000 }, (_, index) => index % 253));
  const { version, totalBytes, bytes, messages } = await exportHead('pets', 1);
  assert.deepEqual([version, totalBytes, messages], [1, 2_500_000, 10]);
  assert.ok(bytes.equals(heads.exported));
  const { output, size, resize, channels, scale, mean, std } = JSON.parse(heads.embedding ?? '');
  assert.deepEqual({ size, resize, channels, scale, mean, std }, server.backbone.image);
  assert.equal(output, 'features');
  heads.exported = undefined;

  const halves = [{ head: NEW, totalBytes, chunk: bytes.subarray(0, 1_000_000) }, { chunk: bytes.subarray(1_000_000) }];
  const head = await importHead(halves).answer;
  assert.equal(head.name, 'moved');
  assert.ok(Buffer.from(heads.imported.at(-1)!).equals(bytes));
  await heads.delete('moved', 0);
});

test('exports that are refused', async () => {
  assert.equal((await failure(exportHead('nope'))).code, Status.NOT_FOUND);
  const { code, metadata } = await failure(exportHead('pets', 9));
  assert.deepEqual([code, metadata.get('headwater-error')], [Status.NOT_FOUND, ['version_unknown']]);
});

const IMPORTS: [string, object[], string, RegExp][] = [
  ['no message', [], 'INVALID_ARGUMENT', /head: expected the head to create in the first message/],
  [
    'no head',
    [{ totalBytes: 1, chunk: X }],
    'INVALID_ARGUMENT',
    /head: expected the head to create in the first message/,
  ],
  ['a second head', [{ head: NEW }, { head: NEW }], 'INVALID_ARGUMENT', /head: expected in the first message only/],
  ['an empty file', [{ head: NEW }], 'INVALID_ARGUMENT', /the file is empty/],
  [
    'a file that is too large',
    [{ head: NEW, totalBytes: 3_145_729 }],
    'INVALID_ARGUMENT',
    /total_bytes: the file has 3145729 bytes, limits\.headBytes is 3145728/,
  ],
  [
    'more bytes than it said',
    [{ head: NEW, totalBytes: 1_000_000 }, ...Array(4).fill({ chunk: Buffer.alloc(1_000_000) })],
    'INVALID_ARGUMENT',
    /chunk: 2000000 bytes came, total_bytes is 1000000/,
  ],
  ['fewer bytes than it said', [{ head: NEW, totalBytes: 9, chunk: X }], 'INVALID_ARGUMENT', /chunk: 1 bytes came/],
  ['an unknown backbone', [{ head: { name: 'x', backbone: 'huge' } }], 'NOT_FOUND', /no "huge"/],
  [
    'a name that is taken',
    [{ head: { name: 'pets', backbone: 'tiny' }, totalBytes: 1, chunk: X }],
    'ALREADY_EXISTS',
    /pets/,
  ],
];
for (const [what, messages, code, message] of IMPORTS) {
  test(`an import with ${what} is refused`, async () => {
    const error = await failure(importHead(messages).answer);
    assert.equal(Status[error.code], code);
    assert.match(error.details, message);
  });
}

test('an import that can not be is refused before its file is sent', async () => {
  const { answer, cancel } = importHead([{ head: { name: 'x', backbone: 'huge' } }], false);
  assert.equal((await failure(answer)).code, Status.NOT_FOUND);
  cancel();
});

test('an import that is cut off creates nothing and makes room', async () => {
  const { heads } = server.learning;
  const error = (message: Promise<unknown>) => message.catch((failed: ServiceError) => failed.code);
  // As many as there may be at once, twice: none holds its place.
  for (let round = 0; round < 2; round++) {
    const held = [1, 2].map(() => importHead([{ head: NEW, totalBytes: 2, chunk: X }], false));
    await sleep(50);
    for (const { cancel } of held) cancel();
    assert.deepEqual(await Promise.all(held.map(({ answer }) => error(answer))), [Status.CANCELLED, Status.CANCELLED]);
    await sleep(50);
  }
  assert.equal((await importHead([{ head: NEW, totalBytes: 1, chunk: X }]).answer).name, 'moved');
  await heads.delete('moved', 0);
});

test('more transfers at once than there may be are RESOURCE_EXHAUSTED', async () => {
  const { heads } = server.learning;
  let release = () => {};
  heads.hold = new Promise((resolve) => {
    release = resolve;
  });
  const held = ['one', 'two'].map((name) => importHead([{ head: { ...NEW, name }, totalBytes: 1, chunk: X }]).answer);
  await sleep(50);
  const { code, details } = await failure(exportHead('pets'));
  assert.deepEqual([code, /more than 2 exports and imports/.test(details)], [Status.RESOURCE_EXHAUSTED, true]);
  release();
  heads.hold = Promise.resolve();
  await Promise.all(held);
  for (const name of ['one', 'two']) await heads.delete(name, 0);
  assert.equal((await exportHead('pets')).version, 2);
});
