// The API over HTTP behind the live page: who may do what, and that nothing a stranger sends does harm.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import type { Scope } from '../../src/server/security/caller.js';
import { createToken, hashToken } from '../../src/server/security/token.js';
import { temporaryFolder } from '../support/test-learning.js';
import { PETS, rawFloats, startTestServer, type TestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any answer
  readonly json: any;
  readonly text: string;
}

interface Ask {
  readonly token?: string;
  readonly body?: object | Uint8Array<ArrayBuffer> | string;
  readonly headers?: Record<string, string>;
  readonly method?: string;
}

async function ask(server: TestServer, path: string, { token, body, headers, method }: Ask = {}): Promise<Reply> {
  const raw = body instanceof Uint8Array || typeof body === 'string' ? body : body && JSON.stringify(body);
  const response = await fetch(`http://127.0.0.1:${server.running.httpPort}/api/v1/${path}`, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    ...(raw === undefined ? {} : { body: raw }),
    headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers },
  });
  const text = await response.text();
  const json = response.headers.get('content-type') === 'application/json' ? JSON.parse(text) : undefined;
  return { status: response.status, headers: response.headers, json, text };
}

async function start(t: TestContext, set: readonly string[] = []): Promise<TestServer> {
  const server = await startTestServer({ set });
  t.after(() => server.close());
  const { definition } = server.learning.heads.need('pets');
  server.learning.heads.add({ ...definition, name: 'flowers' });
  for (const head of ['pets', 'flowers']) server.learning.heads.teach(head, PETS);
  return server;
}

function issue(name: string, scopes: readonly Scope[], heads: readonly string[]) {
  const token = createToken();
  return { token, line: { name, hash: hashToken(token), scopes, heads } };
}

const operator = issue('operator', ['infer', 'label', 'admin'], ['*']);
const camera = issue('camera', ['infer'], ['pets']);
const labeller = issue('labeller', ['label'], ['pets']);
const keeper = issue('keeper', ['admin'], ['pets']);
const scraper = issue('scraper', ['metrics'], []);

async function startWithTokens(t: TestContext): Promise<TestServer & { readonly file: string }> {
  const file = join(temporaryFolder(t), 'tokens.yaml');
  writeFileSync(file, JSON.stringify([operator, camera, labeller, keeper, scraper].map(({ line }) => line)));
  return { ...(await start(t, [`security.tokensFile=${file}`, 'security.tls.reload=100ms'])), file };
}

const png = async () =>
  new Uint8Array(
    await sharp({ create: { width: 8, height: 8, channels: 3, background: '#306090' } })
      .png()
      .toBuffer(),
  );

test('the overview: heads, traffic that grows while requests come, queues', async (t) => {
  const server = await start(t);
  const first = await ask(server, 'overview');
  assert.equal(first.status, 200);
  assert.equal(first.headers.get('cache-control'), 'no-store');
  assert.deepEqual(
    first.json.heads.map(({ name }: { name: string }) => name),
    ['flowers', 'pets'],
  );
  assert.equal(first.json.caller.authenticated, false);
  assert.equal(first.json.ready, true);
  const total = async () => {
    const { columns, rows } = (await ask(server, 'overview?since=0')).json.traffic;
    const at = 1 + columns.indexOf('requests');
    return rows.reduce((sum: number, row: number[]) => sum + (row[at] ?? 0), 0);
  };
  const embedding = { name: 'embedding', datatype: 'FP32', shape: [1, 3] };
  const infer = { modelName: 'pets', inputs: [embedding], rawInputContents: [rawFloats(1, 0, 0)] };
  await until('requests are in the past', async () => {
    await server.infer(infer);
    return (await total()) > 0;
  });
  const { rows } = (await ask(server, 'overview?since=0')).json.traffic;
  const last = rows.at(-1)[0];
  const later = (await ask(server, `overview?since=${last}`)).json.traffic.rows;
  assert.ok(
    later.every((row: number[]) => row[0]! > last),
    'only what is new',
  );
});

test('one head: its state, its past, and what the caller may', async (t) => {
  const server = await start(t);
  await until('there is a past', async () => (await ask(server, 'heads/pets')).json.history?.rows.length > 0);
  const { json } = await ask(server, 'heads/pets?since=nonsense');
  assert.equal(json.name, 'pets');
  assert.deepEqual(json.may, { infer: true, label: true, admin: true });
  assert.deepEqual(json.confusions, [{ label: 'cat', predicted: 'dog', count: 2 }]);
  assert.equal(json.history.rows[0].length, json.history.columns.length + 1);
  const missing = await ask(server, 'heads/nobody');
  assert.equal(missing.status, 404);
  assert.equal(missing.json.error.code, 'head_unknown');
  for (const path of ['heads/..', 'heads/%2e%2e', 'heads/A', 'heads/pets/x', 'nothing', '', 'heads/pets%00']) {
    assert.equal((await ask(server, path)).status, 404, path);
  }
});

test('an image is classified, and its label is stored for the id', async (t) => {
  const server = await start(t);
  const { status, json } = await ask(server, 'heads/pets/predict', { body: await png() });
  assert.equal(status, 200);
  assert.equal(json.head, 'pets');
  assert.equal(json.version, 1);
  assert.equal(json.recorded, true);
  assert.equal(json.classes.length, 3);
  assert.ok(json.classes[0].probability >= json.classes[1].probability);
  assert.equal(server.learning.recorded[0]?.items[0]?.id, json.id);
  assert.equal((await ask(server, 'heads/pets/labels', { body: { id: json.id, label: 'cat' } })).status, 200);
  assert.deepEqual(server.learning.labels[0]?.labels[0]?.id, json.id);
  assert.equal(server.learning.labels[0]?.labels[0]?.label, 'cat');
});

test('class names with a colon come whole', async (t) => {
  const server = await start(t);
  server.learning.heads.teach('pets', { ...PETS, classes: ['a:b:c', '', ':'] });
  const { json } = await ask(server, 'heads/pets/predict', { body: await png() });
  assert.deepEqual(json.classes.map(({ name }: { name: string }) => name).sort(), ['', ':', 'a:b:c']);
});

test('versions are pinned, rolled back and released; a candidate is promoted', async (t) => {
  const server = await start(t);
  const { heads } = server.learning;
  heads.teach('pets', PETS);
  const rolled = await ask(server, 'heads/pets/rollback', { body: { version: 1 } });
  assert.equal(rolled.status, 200);
  assert.deepEqual([rolled.json.servingVersion, rolled.json.pinned], [1, true]);
  assert.equal((await ask(server, 'heads/pets/unpin', { body: {} })).json.pinned, false);
  assert.equal((await ask(server, 'heads/pets/pin', { body: { version: 2 } })).json.servingVersion, 2);
  const promoted = await ask(server, 'heads/pets/promote', { body: { candidate: 'slda' } });
  assert.equal(promoted.json.applied, true);
  assert.deepEqual(heads.need('pets').acts, [{ kind: 'promote', candidate: 'slda' }]);
});

test('what is wrong is told, with the code of the error table', async (t) => {
  const server = await start(t);
  const cases: [string, Ask, number, string, RegExp][] = [
    ['heads/pets/rollback', { body: { version: 9 } }, 404, 'version_unknown', /9/],
    ['heads/pets/rollback', { body: { version: '1' } }, 400, 'request_invalid', /^version: expected a number/],
    ['heads/pets/rollback', { body: {} }, 400, 'request_invalid', /version/],
    ['heads/pets/rollback', { body: { version: 0 } }, 400, 'request_invalid', /version/],
    ['heads/pets/rollback', { body: 'nonsense' }, 400, 'request_invalid', /expected JSON/],
    ['heads/pets/rollback', { body: '[1]' }, 400, 'request_invalid', /JSON object/],
    ['heads/pets/rollback', { body: 'x'.repeat(20_000) }, 413, 'message_too_large', /larger than 16384/],
    ['heads/pets/promote', { body: { candidate: 'evil' } }, 400, 'request_invalid', /candidate: expected auto/],
    ['heads/pets/labels', { body: { id: '', label: 'cat' } }, 400, 'request_invalid', /^id/],
    ['heads/pets/labels', { body: { id: 'x', label: 7 } }, 400, 'request_invalid', /^label: expected text/],
    ['heads/pets/predict', { body: 'no image' }, 400, 'undecodable_image', /image/],
    ['heads/nobody/rollback', { body: { version: 1 } }, 404, 'head_unknown', /nobody/],
    ['heads/nobody/predict', { body: 'x' }, 404, 'model_unknown', /nobody/],
    ['backbones/nobody/layers', { body: {} }, 404, 'model_unknown', /nobody/],
  ];
  for (const [path, asked, status, code, message] of cases) {
    const reply = await ask(server, path, asked);
    assert.deepEqual([reply.status, reply.json?.error?.code], [status, code], `${path}: ${reply.text}`);
    assert.match(reply.json.error.message, message, path);
  }
  assert.equal((await ask(server, 'overview', { body: {} })).status, 405);
  const asGet = await ask(server, 'heads/pets/rollback');
  assert.deepEqual([asGet.status, asGet.headers.get('allow')], [405, 'POST']);
  server.learning.connected = false;
  const away = await ask(server, 'heads/pets/rollback', { body: { version: 1 } });
  assert.deepEqual([away.status, away.json.error.code], [503, 'nats_unavailable']);
});

test('an image that is too large is refused by its header, and by its bytes', async (t) => {
  const server = await start(t, ['images.maxBytes=4KiB']);
  const { status } = await ask(server, 'heads/pets/predict', { body: new Uint8Array(5000) });
  assert.equal(status, 413);
  const sent = await new Promise<number>((resolve, reject) => {
    const port = server.running.httpPort;
    const chunked = request({ port, path: '/api/v1/heads/pets/predict', method: 'POST' }, (response) => {
      resolve(response.resume().statusCode ?? 0);
    });
    chunked.on('error', reject);
    for (let part = 0; part < 10; part++) chunked.write(Buffer.alloc(1000));
    chunked.end();
  });
  assert.equal(sent, 413);
});

test('a token is needed where tokens are configured, and shows its own heads only', async (t) => {
  const server = await startWithTokens(t);
  for (const path of ['overview', 'engine', 'heads/pets', 'heads/nobody']) {
    const { status, headers, json } = await ask(server, path);
    assert.deepEqual(
      [status, json.error.code, headers.get('www-authenticate')],
      [401, 'unauthenticated', 'Bearer'],
      path,
    );
    assert.equal((await ask(server, path, { token: createToken() })).status, 401, path);
  }
  const seen = await ask(server, 'overview', { token: camera.token });
  assert.deepEqual(
    seen.json.heads.map(({ name }: { name: string }) => name),
    ['pets'],
  );
  assert.equal(seen.json.headCount, 1);
  assert.equal(seen.json.traffic, null, 'what others do');
  assert.deepEqual(seen.json.queues, []);
  assert.deepEqual(seen.json.waitingFor, {});
  assert.deepEqual(seen.json.caller.scopes, ['infer']);
  assert.doesNotMatch(seen.text, /flowers/);
  assert.deepEqual((await ask(server, 'engine', { token: camera.token })).json.backbones, []);
  assert.ok((await ask(server, 'overview', { token: operator.token })).json.traffic);
  for (const name of ['flowers', 'nobody']) {
    const { status, text } = await ask(server, `heads/${name}`, { token: camera.token });
    assert.equal(status, 403);
    assert.equal(
      text.replaceAll(name, ''),
      (await ask(server, 'heads/other', { token: camera.token })).text.replaceAll('other', ''),
    );
  }
  assert.deepEqual((await ask(server, 'heads/pets', { token: camera.token })).json.may, {
    infer: true,
    label: false,
    admin: false,
  });
  assert.deepEqual((await ask(server, 'overview', { token: scraper.token })).json.heads, []);
});

test('each act asks for its scope and its head, before the body is read', async (t) => {
  const server = await startWithTokens(t);
  const image = await png();
  const acts: [string, object | Uint8Array<ArrayBuffer>, string][] = [
    ['predict', image, 'camera'],
    ['labels', { id: 'x', label: 'cat' }, 'labeller'],
    ['rollback', { version: 1 }, 'keeper'],
    ['pin', { version: 1 }, 'keeper'],
    ['unpin', {}, 'keeper'],
    ['promote', { candidate: 'auto' }, 'keeper'],
  ];
  const callers = { camera, labeller, keeper, scraper };
  for (const [act, body, allowed] of acts) {
    for (const [name, { token }] of Object.entries(callers)) {
      const own = await ask(server, `heads/pets/${act}`, { token, body });
      assert.equal(own.status, name === allowed ? 200 : 403, `${name}: ${act}: ${own.text}`);
      const others = await ask(server, `heads/flowers/${act}`, { token, body });
      assert.equal(others.status, 403, `${name}: ${act} of another head`);
    }
    assert.equal((await ask(server, `heads/pets/${act}`, { body })).status, 401, act);
  }
  const large = await ask(server, 'heads/pets/predict', { token: labeller.token, body: new Uint8Array(2 ** 20) });
  assert.equal(large.status, 403);
  const measured = await ask(server, 'backbones/tiny/layers', { token: keeper.token, body: {} });
  assert.equal(measured.status, 403);
  assert.equal(server.learning.heads.need('flowers').pinned, 0);
  const metrics = await fetch(`http://127.0.0.1:${server.running.httpPort}/metrics`, {
    headers: { authorization: `Bearer ${scraper.token}` },
  });
  const counted = await metrics.text();
  assert.match(counted, /headwater_refused_credentials_total\{reason="permission_denied"\} [1-9]/);
  assert.match(counted, /headwater_refused_credentials_total\{reason="no_credentials"\} [1-9]/);
});

test('a token that is revoked is refused from then on', async (t) => {
  const server = await startWithTokens(t);
  assert.equal((await ask(server, 'heads/pets', { token: camera.token })).status, 200);
  writeFileSync(server.file, JSON.stringify([operator.line]));
  await until('it is refused', async () => (await ask(server, 'heads/pets', { token: camera.token })).status === 401);
});

test('a token is never asked for in an address', async (t) => {
  const server = await startWithTokens(t);
  for (const name of ['token', 'access_token', 'authorization']) {
    assert.equal((await ask(server, `overview?${name}=${operator.token}`)).status, 401);
  }
  assert.equal((await ask(server, 'overview', { headers: { cookie: `token=${operator.token}` } })).status, 401);
});

/** The status of a request that no browser would send. */
function raw(server: TestServer, method: string, path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { port: server.running.httpPort, path, method, headers };
    request(options, (response) => resolve(response.resume().statusCode ?? 0))
      .on('error', reject)
      .end();
  });
}

test('other pages may change nothing, and other names are not answered', async (t) => {
  const server = await start(t);
  const path = '/api/v1/heads/pets/unpin';
  const own = `127.0.0.1:${server.running.httpPort}`;
  assert.equal(await raw(server, 'POST', path, { host: own }), 200);
  assert.equal(await raw(server, 'POST', path, { host: own, origin: `http://${own}` }), 200);
  for (const origin of ['http://evil.example', 'null', `http://${own}.evil.example`]) {
    assert.equal(await raw(server, 'POST', path, { host: own, origin }), 403, origin);
  }
  for (const page of ['/', '/api/v1/overview', '/api/v1/heads/pets']) {
    assert.equal(await raw(server, 'GET', page, { host: 'evil.example' }), 421, page);
  }
  const { headers } = await ask(server, 'overview', { headers: { origin: 'http://evil.example' } });
  assert.equal(headers.get('access-control-allow-origin'), null);
  assert.equal(headers.get('cross-origin-resource-policy'), 'same-origin');
});

test('addresses that are none are answered, and the server goes on', async (t) => {
  const server = await start(t);
  for (const path of [
    '*',
    'http://evil.example/',
    '//evil.example/api/v1/overview',
    '/api/v1/heads/%',
    '/\\evil',
    '/api/v1/overview#x',
  ]) {
    const status = await raw(server, 'GET', path, {});
    assert.ok([200, 400, 404].includes(status), `${path}: ${status}`);
  }
  const socket = connect(server.running.httpPort, '127.0.0.1');
  socket.on('error', () => {});
  socket.write('POST /api/v1/heads/pets/predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nhalf');
  await until('it was taken', () => socket.bytesWritten > 0);
  socket.destroy();
  assert.equal((await ask(server, 'overview')).status, 200);
});

test('four images arrive at once, the fifth is told to wait', async (t) => {
  const server = await start(t);
  const sockets = Array.from({ length: 4 }, () => {
    const socket = connect(server.running.httpPort, '127.0.0.1').on('error', () => {});
    socket.write('POST /api/v1/heads/pets/predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n');
    return socket;
  });
  t.after(() => sockets.forEach((socket) => void socket.destroy()));
  const body = await png();
  let reply: Reply | undefined;
  await until('all four are there', async () => {
    reply = await ask(server, 'heads/pets/predict', { body });
    return reply.status === 429;
  });
  assert.equal(reply?.json.error.code, 'requests_full');
  assert.equal(reply?.headers.get('retry-after'), '1');
  for (const socket of sockets) socket.destroy();
  await until('there is room again', async () => (await ask(server, 'heads/pets/predict', { body })).status === 200);
});
