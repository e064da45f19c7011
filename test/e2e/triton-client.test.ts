// Triton's Python client against the whole server, whose backbone and learner's side are kept in memory: what it asks for and what it
// gets is in triton_client.py, what is to come of it here.
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { createToken, hashToken } from '../../src/server/security/token.js';
import { CertificateAuthority, opensslMissing } from '../support/certificates.js';
import { FakeLearning } from '../support/fake-learning.js';
import { HeldBackbone } from '../support/held-backbone.js';
import { ROOT } from '../support/repository.js';
import { temporaryFolder } from '../support/test-learning.js';
import { PETS, startTestServer, type TestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

/** A Python that can run the client or its stand-in, as Debian's python3-grpcio and python3-numpy give to /usr/bin/python3. */
function pythonWithGrpc(): string | undefined {
  return ['/usr/bin/python3', 'python3'].find((python) => {
    try {
      execFileSync(python, ['-c', 'import grpc, numpy, google.protobuf'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
}

const python = pythonWithGrpc();
const skip = python === undefined ? 'no Python with grpcio and numpy (Debian: python3-grpcio, python3-numpy)' : false;

const HEADS = '{ name: pets, backbone: tiny }, { name: coats, backbone: tiny }, { name: new, backbone: tiny }';
const COATS = { ...PETS, classes: ['long', 'short', 'none'] };

async function startServer(set: readonly string[] = []): Promise<{ server: TestServer; backbone: HeldBackbone }> {
  const backbone = new HeldBackbone();
  const learning = new FakeLearning();
  const server = await startTestServer({
    set: [`heads=[${HEADS}]`, ...set],
    learning,
    parts: { loadBackbone: async () => backbone },
  });
  learning.heads.teach('pets', PETS);
  learning.heads.teach('coats', COATS);
  return { server, backbone };
}

let running: { server: TestServer; backbone: HeldBackbone };
before(async () => {
  if (!skip) running = await startServer();
});
after(() => running?.server.close());

type Json = ReturnType<typeof JSON.parse>;

interface Run {
  readonly child: ChildProcess;
  /** What the part found out. */
  readonly result: Promise<Json>;
}

/** Runs a part of triton_client.py. */
function start(part: string, given: Record<string, unknown>, cwd = ROOT, variables: NodeJS.ProcessEnv = {}): Run {
  const script = join(ROOT, 'test/e2e/triton_client.py');
  const env = {
    ...process.env,
    HEADWATER_ROOT: ROOT,
    PYTHONDONTWRITEBYTECODE: '1',
    GRPC_VERBOSITY: 'NONE',
    ...variables,
  };
  const child = spawn(python!, [script, part, JSON.stringify(given)], { cwd, env, stdio: 'pipe', timeout: 240_000 });
  let [out, errors] = ['', ''];
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const result = new Promise<Json>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(out));
      else reject(new Error(`triton_client.py ${part} ended with ${code}: ${errors.slice(-3000)}`));
    });
  });
  return { child, result };
}

const run = (part: string, given: Record<string, unknown> = {}, cwd?: string) =>
  start(part, { address: running.server.address, ...given }, cwd).result;

async function photo(t: TestContext): Promise<{ folder: string; jpeg: string }> {
  const folder = temporaryFolder(t);
  const jpeg = join(folder, 'photo.jpg');
  await sharp({ create: { width: 20, height: 30, channels: 3, background: '#070707' } })
    .jpeg()
    .toFile(jpeg);
  return { folder, jpeg };
}

test('what can be asked about server and models', { skip }, async () => {
  const out = await run('information');
  assert.deepEqual(
    [out.live, out.ready, out.modelReady, out.versions, out.json],
    [true, true, [true, true], ['1'], 'tiny'],
  );
  assert.equal(out.server.name, 'headwater');
  assert.deepEqual(out.inputs, [
    ['image', 'BYTES', [-1]],
    ['pixels', 'UINT8', [-1, 4, 4, 3]],
    ['input', 'FP32', [-1, 3, 4, 4]],
    ['embedding', 'FP32', [-1, 3]],
  ]);
  assert.equal(out.unknown[0], 'StatusCode.NOT_FOUND');
  assert.match(out.unknown[1], /there are .*pets/);
  assert.equal(out.unknownVersion[0], 'StatusCode.NOT_FOUND');
});

const FLOATS = ['FP16', 'FP32', 'FP64', 'BF16'];
const INTEGERS = ['INT16', 'INT32', 'INT64', 'UINT8', 'UINT16', 'UINT32', 'UINT64'];
const REFUSED = { pixels: ['BOOL', 'INT8', ...FLOATS, 'BYTES'], floats: ['BOOL', 'INT8', ...INTEGERS, 'BYTES'] };

test('infer in every datatype that the client can send', { skip }, async () => {
  const out = await run('datatypes');
  const seen = new Set(Object.keys(out));
  const check = (name: string, datatype: string, expected: (answer: Json) => void) => {
    assert.ok(seen.delete(`${name} ${datatype}`), `${name} as ${datatype} was not sent`);
    expected(out[`${name} ${datatype}`]);
  };
  const mean = 1001 / 12;
  const answers = (labels: string[], embedding: number[][]) => (answer: Json) => {
    assert.deepEqual(answer[0], labels, String(answer));
    answer[1].forEach((row: number[], image: number) => {
      for (const [d, value] of row.entries()) assert.ok(Math.abs(value - embedding[image]![d]!) < 1e-4, `${row}`);
    });
  };
  for (const datatype of INTEGERS) check('pixels', datatype, answers(['eel'], [[mean, mean + 1, mean + 2]]));
  for (const datatype of FLOATS) {
    check('input', datatype, answers(['eel'], [[mean / 8, mean / 8 + 1, mean / 8 + 2]]));
    check(
      'embedding',
      datatype,
      answers(
        ['eel', 'cat'],
        [
          [0.5, -2, 3],
          [4, 0.25, -1],
        ],
      ),
    );
  }
  const refusal = (name: string, datatype: string, first: string) => (answer: unknown) =>
    assert.match(
      String(answer),
      new RegExp(`^tensor "${name}": expected datatype ${first} \\(or .*\\), got "${datatype}"$`),
    );
  for (const datatype of REFUSED.pixels) check('pixels', datatype, refusal('pixels', datatype, 'UINT8'));
  for (const name of ['input', 'embedding']) {
    for (const datatype of REFUSED.floats) check(name, datatype, refusal(name, datatype, 'FP32'));
  }
  assert.deepEqual([...seen], []);
});

test('an image file in each way that it can be sent', { skip }, async (t) => {
  const out = await run('images', { jpeg: (await photo(t)).jpeg });
  const two = ['eel', 'eel'];
  assert.deepEqual(out, { '[1]': ['eel'], '[2,1]': two, 'UINT8 [n]': ['eel'], 'UINT8 [2,n]': two });
});

test('ids, versions, classification, several heads, compression; parameters that mean nothing here are passed over', {
  skip,
}, async () => {
  const out = await run('outputs');
  assert.deepEqual([out.id, out.model, out.recorded, out.missing], ['mine', ['pets', '1'], true, null]);
  assert.match(out.best[0].join(), /^0\.\d+:2:eel,0\.\d+:0:cat$/);
  assert.match(out.best[1].join(), /^0\.\d+:0:cat,0\.\d+:1:dog$/);
  assert.deepEqual(out.heads, {
    'pets.label': 'BYTES',
    'pets.probabilities': 'FP32',
    'coats.label': 'BYTES',
    'coats.probabilities': 'FP32',
  });
  assert.deepEqual(out.labels, [
    ['eel', 'cat'],
    ['none', 'long'],
  ]);
  assert.deepEqual(out.headVersions, ['1', '1']);
  assert.deepEqual(out.untrained, [
    ['', ''],
    [2, 0],
  ]);
  assert.deepEqual(out.compressed, [
    ['eel', 'cat'],
    ['eel', 'cat'],
  ]);
});

test('errors as the client shows them', { skip }, async () => {
  const out = await run('errors');
  const expected: Record<string, [string, RegExp]> = {
    model: ['NOT_FOUND', /no model "nobody"/],
    version: ['NOT_FOUND', /no version "9"/],
    output: ['INVALID_ARGUMENT', /output "logits": unknown/],
    sharedMemory: ['INVALID_ARGUMENT', /shared memory is not supported; send the data/],
    heads: ['NOT_FOUND', /no model "nobody"/],
    timeoutParameter: ['INVALID_ARGUMENT', /parameter timeout: expected microseconds/],
  };
  assert.deepEqual(Object.keys(out), Object.keys(expected));
  for (const [what, [code, message]] of Object.entries(expected)) {
    assert.equal(out[what][0], `StatusCode.${code}`);
    assert.match(out[what][1], message);
  }
});

test('async_infer: each callback gets the answer of its own request', { skip }, async () => {
  const out = await run('asynchronous');
  assert.equal(out.ids, true);
  assert.deepEqual(
    out.embeddings,
    Array.from({ length: 20 }, (_, index) => index),
  );
});

test('stream_infer: in order, past a failed request, with the mark of the last answer; ended and cancelled', {
  skip,
}, async () => {
  for (const compression of [null, 'gzip']) {
    const out = await run('stream', { compression });
    const { 3: failed, ...answers } = out.answers;
    assert.match(failed, /^NOT_FOUND: no model "nobody"/);
    assert.deepEqual(
      Object.values(answers),
      [0, 1, 2, 4, 5].map((index) => [`stream-${index}`, true]),
    );
    assert.equal(out.cancelled, 'StatusCode.CANCELLED');
  }
});

test('a client timeout, a queue timeout and a cancelled request: each refused or given up, none recorded', {
  skip,
}, async () => {
  const { server, backbone } = running;
  const { recorded } = server.learning;
  recorded.length = 0;
  const batches = backbone.batches.length;
  backbone.hold();
  const { child, result } = start('waiting', { address: server.address });
  await until('the first request runs', () => backbone.batches.length > batches);
  child.stdin?.write('go\n');
  const out = await result.finally(() => backbone.release());
  assert.equal(out.clientTimeout[0], 'StatusCode.DEADLINE_EXCEEDED');
  assert.equal(out.queueTimeout[0], 'StatusCode.DEADLINE_EXCEEDED');
  assert.match(out.queueTimeout[1], /not run/, 'the server said so');
  assert.deepEqual(out.cancelled[0], 'StatusCode.CANCELLED');
  await until('the cancelled request is counted', async () =>
    /^headwater_requests_total{.*code="CANCELLED".*} [1-9]/m.test((await server.get('/metrics')).body),
  );
  assert.deepEqual(recorded, []);
});

test('the Python of docs/tritonclient.md runs as it stands', { skip }, async (t) => {
  const out = await run('document', {}, (await photo(t)).folder);
  assert.ok(out.blocks >= 9, `${out.blocks} blocks were found`);
});

test('configuration, statistics, the index; unloading and loading', { skip }, async (t) => {
  const { server } = await startServer();
  t.after(() => server.close());
  const out = await start('repository', { address: server.address }).result;
  const [name, maxBatchSize, inputs] = out.config;
  assert.deepEqual([name, out.configJson], ['pets', 'tiny']);
  assert.ok(maxBatchSize > 0, 'inputs have a batch dimension');
  const [TYPE_UINT8, TYPE_FP32, TYPE_STRING] = [2, 11, 13];
  assert.deepEqual(inputs, {
    image: [TYPE_STRING, [1]],
    pixels: [TYPE_UINT8, [4, 4, 3]],
    input: [TYPE_FP32, [3, 4, 4]],
    embedding: [TYPE_FP32, [3]],
  });
  assert.deepEqual(out.statistics, ['pets', 2, 1]);
  assert.equal(out.durations, true);
  assert.deepEqual(out.all, ['coats', 'new', 'pets', 'tiny']);
  assert.deepEqual(out.index, { coats: 'READY', new: 'READY', pets: 'READY', tiny: 'READY' });
  assert.equal(out.unloaded[0], 'UNAVAILABLE');
  assert.match(out.unloaded[1][1], /coats.*unloaded/);
  assert.deepEqual(out.loaded, ['READY', ['none', 'none']]);
});

test('TLS with a client certificate, and a token for one head', { skip: skip || opensslMissing() }, async (t) => {
  const authority = new CertificateAuthority(t);
  const own = authority.issue('server', 'IP:127.0.0.1');
  const camera = authority.issue('camera', 'DNS:camera');
  const token = createToken();
  const { server } = await startServer([
    `security.tls={ certificate: ${own.certificate}, key: ${own.key}, clientCa: ${authority.certificate}, clientAuth: require }`,
    `security.tokens=[{ name: camera, hash: "${hashToken(token)}", scopes: [infer], heads: [pets] }]`,
  ]);
  t.after(() => server.close());
  const files = { ca: authority.certificate, certificate: camera.certificate, key: camera.key };
  const out = await start('secured', { address: server.address, token, ...files }).result;
  assert.deepEqual(
    [out.label, out.stream],
    [
      ['eel', 'cat'],
      ['eel', 'cat'],
    ],
  );
  const code = (what: string) => out[what]?.[0];
  assert.equal(code('without'), 'StatusCode.UNAUTHENTICATED');
  assert.equal(code('wrong'), 'StatusCode.UNAUTHENTICATED');
  assert.equal(code('otherHead'), 'StatusCode.PERMISSION_DENIED');
  assert.match(out.otherHead[1], /`infer` for "coats"/);
  assert.equal(code('amongHeads'), 'StatusCode.PERMISSION_DENIED');
  assert.equal(code('plaintext'), 'StatusCode.UNAVAILABLE');
  assert.equal(code('noCertificate'), 'StatusCode.UNAVAILABLE');

  const folder = temporaryFolder(t);
  copyFileSync(files.ca, join(folder, 'ca.pem'));
  copyFileSync(files.certificate, join(folder, 'camera.pem'));
  copyFileSync(files.key, join(folder, 'camera.key'));
  const shown = await start('document_secured', { address: server.address }, folder, { HEADWATER_TOKEN: token }).result;
  assert.equal(shown.blocks, 1, 'the block of docs/tritonclient.md');
});
