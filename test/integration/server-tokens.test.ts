// Bearer tokens against a running server: who is let in, to what, and that nothing of a call is read before that.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { service as health } from 'grpc-health-check';
import { inference, learning, type ModelInferRequest } from '../../protos/index.js';
import type { Scope } from '../../src/server/security/caller.js';
import { METHODS } from '../../src/server/security/methods.js';
import { createToken, hashToken } from '../../src/server/security/token.js';
import { began, framed, INFER, inferMessage, rawCall, rawConnection } from '../support/raw-grpc.js';
import { temporaryFolder } from '../support/test-learning.js';
import { PETS, rawFloats, startTestServer, type TestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

interface Issued {
  readonly token: string;
  readonly line: object;
}

function issue(name: string, scopes: readonly Scope[], heads: readonly string[]): Issued {
  const token = createToken();
  return { token, line: { name, hash: hashToken(token), scopes, heads } };
}

const all = issue('operator', ['infer', 'label', 'admin', 'metrics'], ['*']);
const camera = issue('camera', ['infer'], ['pets']);
const labeller = issue('labeller', ['label'], ['pets']);
const prometheus = issue('prometheus', ['metrics'], []);

async function start(t: TestContext, set: readonly string[] = []): Promise<TestServer & { readonly file: string }> {
  const file = join(temporaryFolder(t), 'tokens.yaml');
  writeFileSync(file, JSON.stringify([all, camera, labeller, prometheus].map(({ line }) => line)));
  const server = await startTestServer({
    set: [`security.tokensFile=${file}`, 'security.tls.reload=100ms', ...set],
  });
  t.after(() => server.close());
  const { definition } = server.learning.heads.need('pets');
  server.learning.heads.add({ ...definition, name: 'flowers' });
  for (const head of ['pets', 'flowers']) server.learning.heads.teach(head, PETS);
  return { ...server, file };
}

const bearer = (token: string) => metadata(`Bearer ${token}`);

function metadata(...values: string[]): Metadata {
  const made = new Metadata();
  for (const value of values) made.add('authorization', value);
  return made;
}

const ask = (modelName: string): ModelInferRequest => ({
  modelName,
  inputs: [{ name: 'embedding', datatype: 'FP32', shape: [1, 3] }],
  rawInputContents: [rawFloats(1, 0, 0)],
});

/** The status name that a unary call ends with. */
function outcome(
  call: (done: (error: ServiceError | null, value?: unknown) => void) => unknown,
): Promise<{ code: string; details: string; value: unknown }> {
  return new Promise((resolve) => {
    call((error, value) =>
      resolve({ code: error === null ? 'OK' : (status[error.code] ?? ''), details: error?.details ?? '', value }),
    );
  });
}

const infer = (server: TestServer, model: string, credentials_: Metadata) =>
  outcome((done) => server.inference.ModelInfer(ask(model), credentials_, done));

test('a prediction needs a token that has the scope and the head', async (t) => {
  const server = await start(t);
  const cases: [string, Metadata, string, RegExp][] = [
    ['none', new Metadata(), 'UNAUTHENTICATED', /no credentials; expected `authorization: Bearer TOKEN`/],
    ['unknown', bearer(createToken()), 'UNAUTHENTICATED', /unknown or revoked/],
    [
      'right id, wrong secret',
      bearer(camera.token.slice(0, 12) + createToken().slice(12)),
      'UNAUTHENTICATED',
      /unknown/,
    ],
    ['no Bearer', metadata(camera.token), 'UNAUTHENTICATED', /expected one value/],
    ['Basic', metadata(`Basic ${camera.token}`), 'UNAUTHENTICATED', /expected one value/],
    ['huge', bearer('x'.repeat(4000)), 'UNAUTHENTICATED', /expected one value/],
    ['its hash', bearer((camera.line as { hash: string }).hash), 'UNAUTHENTICATED', /unknown/],
    ['another scope', bearer(labeller.token), 'PERMISSION_DENIED', /lack the scope `infer`/],
    ['metrics only', bearer(prometheus.token), 'PERMISSION_DENIED', /lack the scope `infer`/],
    ['right', bearer(camera.token), 'OK', /^$/],
    ['right, small', metadata(`bearer ${camera.token}`), 'OK', /^$/],
    ['all', bearer(all.token), 'OK', /^$/],
  ];
  for (const [what, given, code, details] of cases) {
    const ended = await infer(server, 'pets', given);
    assert.equal(ended.code, code, `${what}: ${ended.details}`);
    assert.match(ended.details, details, what);
    assert.ok(!ended.details.includes(camera.token.slice(3)), what);
  }
});

test('a token for another head is told nothing of what exists', async (t) => {
  const server = await start(t);
  const given = bearer(camera.token);
  const existing = await infer(server, 'flowers', given);
  const missing = await infer(server, 'no-such', given);
  assert.equal(existing.code, 'PERMISSION_DENIED');
  assert.equal(existing.details.replace('flowers', 'X'), missing.details.replace('no-such', 'X'));
  for (const call of [
    (done: never) => server.inference.ModelReady({ name: 'flowers' }, given, done),
    (done: never) => server.inference.ModelMetadata({ name: 'flowers' }, given, done),
    (done: never) => server.inference.ModelMetadata({ name: 'tiny' }, given, done),
    (done: never) => server.inference.ModelConfig({ name: 'flowers' }, given, done),
    (done: never) => server.inference.ModelStatistics({ name: 'flowers' }, given, done),
    (done: never) => server.inference.RepositoryModelUnload({ modelName: 'pets' }, given, done),
    (done: never) => server.inference.RepositoryModelLoad({ modelName: 'tiny' }, given, done),
    (done: never) => server.inference.LogSettings({}, given, done),
    (done: never) => server.teacher.GetHead({ name: 'flowers' }, given, done),
    (done: never) => server.teacher.Feedback({ head: 'pets', labels: [{ id: 'a', label: 'cat' }] }, given, done),
    (done: never) => server.teacher.DeleteHead({ name: 'pets', expectedVersion: 1 }, given, done),
    (done: never) => server.teacher.CreateHead({ name: 'new', backbone: 'tiny' }, given, done),
    (done: never) => server.teacher.RollbackHead({ name: 'pets', version: 1 }, given, done),
    (done: never) => server.teacher.PromoteHead({ name: 'pets', candidate: 'auto' }, given, done),
  ]) {
    assert.equal((await outcome(call as never)).code, 'PERMISSION_DENIED', String(call));
  }
  const listed = await outcome((done) => server.teacher.ListHeads({}, given, done));
  assert.deepEqual(
    (listed.value as { heads: { name: string }[] }).heads.map(({ name }) => name),
    ['pets'],
  );
  const index = await outcome((done) => server.inference.RepositoryIndex({}, given, done));
  assert.deepEqual(
    (index.value as { models: { name: string }[] }).models.map(({ name }) => name),
    ['pets'],
  );
  const feedback = await outcome((done) =>
    server.teacher.Feedback({ head: 'flowers', labels: [{ id: 'a', label: 'cat' }] }, bearer(labeller.token), done),
  );
  assert.equal(feedback.code, 'PERMISSION_DENIED');
  assert.deepEqual(server.learning.labels, []);
});

test('an admin of some heads makes, sees and deletes those only', async (t) => {
  const server = await start(t);
  const admin = issue('lab', ['admin'], ['lab-*']);
  writeFileSync(server.file, JSON.stringify([all, admin].map(({ line }) => line)));
  const given = bearer(admin.token);
  const create = (name: string) =>
    outcome((done) => server.teacher.CreateHead({ name, backbone: 'tiny' }, given, done));
  await until('the new token is known', async () => (await create('lab-1')).code !== 'UNAUTHENTICATED');
  assert.equal((await create('pets2')).code, 'PERMISSION_DENIED');
  assert.ok(server.learning.heads.status('lab-1') !== undefined);
  assert.ok(server.learning.heads.status('pets2') === undefined);
  const unknown = await outcome((done) => server.teacher.GetHead({ name: 'lab-9' }, given, done));
  assert.equal(unknown.code, 'NOT_FOUND');
  assert.equal(unknown.details, 'no head "lab-9"');
  const model = await outcome((done) => server.inference.ModelMetadata({ name: 'lab-9' }, bearer(all.token), done));
  assert.match(model.details, /there are .*flowers/);
});

test('each method of the table is refused before a message is read: without a token, and without the scope', async (t) => {
  const server = await start(t);
  const client = new Client(server.address, credentials.createInsecure());
  t.after(() => client.close());
  /** Opens the call and sends nothing: a server that waits for a message never answers. */
  const open = (path: string, given: Metadata): Promise<string> =>
    new Promise((resolve) => {
      const identity = (bytes: Buffer) => bytes;
      const call = client.makeBidiStreamRequest(path, identity, identity, given);
      const timer = setTimeout(() => call.cancel(), 1_000);
      call.on('error', (error: ServiceError) => {
        clearTimeout(timer);
        resolve(status[error.code] ?? '');
      });
      call.on('data', () => {});
      call.on('end', () => {});
    });
  const services = [inference.GRPCInferenceService.service, learning.LearningService.service, health];
  const served = services.flatMap((service) => Object.values(service).map(({ path }) => path));
  const reflection = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
  const check = async (path: string) => {
    const need = METHODS.get(path);
    // CANCELLED: it was let in, and waited for its message.
    const open_ = need === 'health' ? 'CANCELLED' : undefined;
    assert.equal(await open(path, new Metadata()), open_ ?? 'UNAUTHENTICATED', `${path} without a token`);
    const expected = open_ ?? (need === 'anyone' ? 'CANCELLED' : 'PERMISSION_DENIED');
    assert.equal(await open(path, bearer(prometheus.token)), expected, `${path} without the scope`);
  };
  await Promise.all([...served, reflection].map(check));
});

test('health can ask for credentials, too', async (t) => {
  const server = await start(t, ['security.health=credentials']);
  const live = (given: Metadata) => outcome((done) => server.inference.ServerLive({}, given, done));
  assert.equal((await live(new Metadata())).code, 'UNAUTHENTICATED');
  assert.equal((await live(bearer(prometheus.token))).code, 'OK');
});

test('a token that is gone from its file is revoked without a restart, in the middle of a stream too', async (t) => {
  const server = await start(t);
  const stream = server.inference.ModelStreamInfer(bearer(camera.token));
  const answers: string[] = [];
  stream.on('data', ({ errorMessage }: { errorMessage: string }) => answers.push(errorMessage));
  stream.on('error', () => {});
  t.after(() => stream.cancel());
  stream.write(ask('pets'));
  await until('the stream answers', () => answers.length === 1);
  assert.equal(answers[0], '');

  const watch = server.teacher.WatchHead({ name: 'pets', intervalMs: 100 }, bearer(camera.token));
  const watched = new Promise<ServiceError>((resolve) => watch.on('error', resolve));
  t.after(() => watch.cancel());
  await new Promise((resolve) => watch.once('data', resolve));
  watch.resume();

  // A damaged file changes nothing.
  writeFileSync(server.file, '- { name: broken');
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal((await infer(server, 'pets', bearer(camera.token))).code, 'OK');

  writeFileSync(server.file, JSON.stringify([all.line]));
  await until('it is revoked', async () => (await infer(server, 'pets', bearer(camera.token))).code !== 'OK');
  assert.equal((await infer(server, 'pets', bearer(camera.token))).code, 'UNAUTHENTICATED');
  assert.equal((await infer(server, 'pets', bearer(all.token))).code, 'OK');
  assert.equal((await watched).code, status.PERMISSION_DENIED);
  stream.write(ask('pets'));
  await until('the stream answers again', () => answers.length === 2);
  assert.match(answers[1] ?? '', /^PERMISSION_DENIED/);
});

test('HTTP: probes are open, metrics need the scope, other hosts are refused, and pages are locked down', async (t) => {
  const server = await start(t);
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    new Promise<{ status: number; headers: Record<string, unknown>; body: string }>((resolve, reject) => {
      const { httpPort: port } = server.running;
      const sent = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
        let body = '';
        response.on('data', (data) => (body += data));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      });
      sent.on('error', reject);
      sent.end();
    });
  const authorization = `Bearer ${prometheus.token}`;
  assert.equal((await get('/livez', { host: 'anything.example' })).status, 200);
  assert.equal((await get('/readyz', { host: 'anything.example' })).status, 200);
  assert.equal((await get('/', { host: 'evil.example' })).status, 421);
  assert.equal((await get('/metrics', { host: 'evil.example', authorization })).status, 421);
  assert.equal((await get('/metrics', { host: `localhost:${server.running.httpPort}`, authorization })).status, 200);
  const none = await get('/metrics');
  assert.deepEqual([none.status, none.headers['www-authenticate']], [401, 'Bearer']);
  assert.equal((await get('/metrics', { authorization: `Bearer ${createToken()}` })).status, 401);
  assert.equal((await get('/metrics', { authorization: `Bearer ${camera.token}` })).status, 403);
  const metrics = await get('/metrics', { authorization });
  assert.equal(metrics.status, 200);
  assert.match(metrics.body, /^headwater_refused_credentials_total\{reason="no_credentials"\} 1$/m);
  assert.equal((await get('/', { origin: 'http://evil.example' }, 'POST')).status, 403);
  assert.equal((await get('/', {}, 'POST')).status, 405);
  assert.equal((await get('/', { cookie: 'x'.repeat(20_000) })).status, 431);
  const { headers } = await get('/');
  assert.match(String(headers['content-security-policy']), /^default-src 'none'; .*frame-ancestors 'none'(;|$)/);
  assert.deepEqual(
    ['x-frame-options', 'x-content-type-options', 'referrer-policy'].map((name) => headers[name]),
    ['DENY', 'nosniff', 'no-referrer'],
  );
});

test('HTTP: a request that does not come to its end is cut off', async (t) => {
  const server = await start(t);
  const socket = connect(server.running.httpPort, '127.0.0.1');
  t.after(() => socket.destroy());
  let answer = '';
  socket.on('data', (data) => (answer += data));
  socket.on('error', () => {});
  socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
  const dripping = setInterval(() => socket.write('a'), 200);
  t.after(() => clearInterval(dripping));
  await until('it is cut off', () => socket.destroyed || socket.readableEnded);
  assert.match(answer, /^HTTP\/1\.1 408 /);
});

test('metrics can be open', async (t) => {
  const server = await start(t, ['security.http.metrics=open']);
  assert.equal((await server.get('/metrics')).status, 200);
});

test('beyond loopback it does not start without protection, and says what to do', async () => {
  await assert.rejects(startTestServer({ set: ['server.host=0.0.0.0'] }), {
    name: 'StartError',
    message: /server\.host: 0\.0\.0\.0 .* security\.insecure: "I know that anyone who reaches this port can use it"/,
  });
});

test('memory is held by name: callers on one connection of a proxy do not lock each other out', async (t) => {
  const server = await start(t, ['server.receiveMemory=4MiB', 'server.maxMessageBytes=1MiB']);
  const session = rawConnection(server.address);
  t.after(() => session.destroy());
  const authorization = ({ token }: Issued) => ({ authorization: `Bearer ${token}` });
  for (let index = 0; index < 4; index++) {
    rawCall(session, INFER, authorization(camera)).stream.write(began(2 ** 20, Buffer.alloc(900_000)));
  }
  await until('they hold nearly all', async () => {
    const url = `http://127.0.0.1:${server.running.httpPort}/metrics`;
    const body = await (await fetch(url, { headers: authorization(prometheus) })).text();
    return Number(/headwater_grpc_memory_bytes\{what="receive"\} (\d+)/.exec(body)?.[1]) > 3.5 * 2 ** 20;
  });
  const large = { ...ask('pets'), rawInputContents: [Buffer.alloc(600_000)] };
  const call = rawCall(session, INFER, authorization(all));
  call.stream.end(framed(inferMessage(large)));
  // Looked at, so it was taken in: the shape is another.
  assert.equal((await call.ended).status, status.INVALID_ARGUMENT);
});
