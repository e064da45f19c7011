import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { credentials, type ServiceError, status as Status } from '@grpc/grpc-js';
import sharp from 'sharp';
import { inference, type ModelInferRequest, type ModelInferResponse__Output } from '../../protos/index.js';
import { rawStrings, readRawFloats } from '../support/test-server.js';

const CLI = fileURLToPath(new URL('../../src/server/cli.js', import.meta.url));
const MODEL = join(repository(), 'models/tiny_acdc90.onnx');
const skip = existsSync(MODEL) ? false : `no ${MODEL}`;
const TIMEOUT = 120_000;

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-process-'));
});
after(() => rm(folder, { recursive: true, force: true }));

function repository(): string {
  let at = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(at, 'package.json'))) at = dirname(at);
  return at;
}

interface Process {
  readonly child: ChildProcess;
  readonly output: () => { stdout: string; stderr: string };
  readonly exit: Promise<{ code: number | null; signal: string | null }>;
}

/** `headwater serve` on a real backbone (or several of them), and a NATS that is not there. */
async function startProcess(name: string, set: readonly string[] = [], backbones = 1): Promise<Process> {
  const backbone = (index: number) => `
  - name: tiny${index === 0 ? '' : index}
    model: ${JSON.stringify(MODEL)}
    threads: 1
    image: { size: 96, resize: 110, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }`;
  const config = `
dataDir: ./${name}
roles: [serve]
server: { grpcPort: 0, httpPort: 0 }
nats: { url: "nats://127.0.0.1:1" }
backbones:${Array.from({ length: backbones }, (_, index) => backbone(index)).join('')}
heads: [{ name: pets, backbone: tiny }]
`;
  const file = join(folder, `${name}.yaml`);
  await writeFile(file, config);
  const program = `import(${JSON.stringify(CLI)}).then(async ({ main }) => { process.exitCode = await main(process.argv.slice(1)); })`;
  const child = spawn(
    process.execPath,
    ['-e', program, 'serve', '--config', file, ...set.flatMap((entry) => ['--set', entry])],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const exit = once(child, 'exit').then(([code, signal]) => ({ code, signal }));
  return { child, output: () => ({ stdout, stderr }), exit };
}

/** The ports, from the log. */
async function listening({ child, output }: Process): Promise<{ grpcPort: number; httpPort: number }> {
  while (true) {
    const line = output()
      .stderr.split('\n')
      .find((entry) => entry.includes('"msg":"listening"'));
    if (line !== undefined) return JSON.parse(line);
    assert.equal(child.exitCode, null, output().stderr);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('with NATS away a real backbone serves, heads are UNAVAILABLE, and SIGTERM ends it with 0', {
  skip,
  timeout: TIMEOUT,
}, async (t) => {
  const server = await startProcess('away');
  t.after(() => server.child.kill('SIGKILL'));
  const { grpcPort, httpPort } = await listening(server);
  const client = new inference.GRPCInferenceService(`127.0.0.1:${grpcPort}`, credentials.createInsecure());
  t.after(() => client.close());
  const infer = (request: ModelInferRequest) =>
    new Promise<ModelInferResponse__Output>((resolve, reject) => {
      client.ModelInfer(request, (error, response) => (error ? reject(error) : resolve(response!)));
    });

  const photo = await sharp({ create: { width: 110, height: 110, channels: 3, background: '#803010' } })
    .png()
    .toBuffer();
  const fromImage = await infer({
    modelName: 'tiny',
    inputs: [{ name: 'image', datatype: 'BYTES', shape: [2] }],
    rawInputContents: [rawStrings(photo, photo)],
  });
  const pixels = Buffer.alloc(96 * 96 * 3);
  for (let at = 0; at < pixels.length; at += 3) pixels.set([0x80, 0x30, 0x10], at);
  const fromPixels = await infer({
    modelName: 'tiny',
    inputs: [{ name: 'pixels', datatype: 'UINT8', shape: [1, 96, 96, 3] }],
    rawInputContents: [pixels],
  });
  const values = new Float32Array(3 * 96 * 96);
  [0x80, 0x30, 0x10].forEach((value, channel) => {
    const [mean, std] = [[0.485, 0.456, 0.406][channel]!, [0.229, 0.224, 0.225][channel]!];
    values.fill((value / 255 - mean) / std, channel * 96 * 96, (channel + 1) * 96 * 96);
  });
  const fromInput = await infer({
    modelName: 'tiny',
    inputs: [{ name: 'input', datatype: 'FP32', shape: [1, 3, 96, 96] }],
    rawInputContents: [Buffer.from(values.buffer)],
  });
  const [a, b, c] = [fromImage, fromPixels, fromInput].map((answer) => readRawFloats(answer.rawOutputContents[0]!));
  assert.deepEqual([a!.length, b!.length, c!.length], [512, 256, 256]);
  assert.ok(
    b!.some((value) => value !== 0),
    'an embedding is not all zeros',
  );
  for (const [index, value] of b!.entries()) {
    const tolerance = 1e-3 * Math.max(1, Math.abs(value));
    for (const other of [a![index]!, a![256 + index]!, c![index]!]) {
      assert.ok(Math.abs(other - value) <= tolerance, `value ${index}: ${value}, ${other}`);
    }
  }

  const refused = await infer({ modelName: 'pets' }).catch((error: ServiceError) => error as ServiceError);
  assert.ok('code' in refused && refused.code === Status.UNAVAILABLE, JSON.stringify(refused));
  const ready = await fetch(`http://127.0.0.1:${httpPort}/readyz`);
  assert.equal(ready.status, 503);
  assert.match(await ready.text(), /"heads":/);
  assert.equal(await (await fetch(`http://127.0.0.1:${httpPort}/livez`)).text(), 'ok\n');

  server.child.kill('SIGTERM');
  assert.deepEqual(await server.exit, { code: 0, signal: null }, server.output().stderr);
});

test('SIGTERM while backbones are loaded ends it with 0', { skip, timeout: TIMEOUT }, async (t) => {
  // Far more than are loaded before the signal comes.
  const server = await startProcess('loading', [], 16);
  t.after(() => server.child.kill('SIGKILL'));
  while (!server.output().stderr.includes('backbone tiny:')) {
    assert.equal(server.child.exitCode, null, server.output().stderr);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  server.child.kill('SIGTERM');
  assert.deepEqual(await server.exit, { code: 0, signal: null }, server.output().stderr);
  const { stdout, stderr } = server.output();
  assert.match(stderr, /"msg":"stopped before it listened"/);
  assert.doesNotMatch(stderr, /backbone tiny15:|"msg":"listening"/);
  assert.equal(stdout, '');
});

test('a second signal ends it at once', { skip, timeout: TIMEOUT }, async (t) => {
  const server = await startProcess('twice', ['server.drainTimeout=5m']);
  t.after(() => server.child.kill('SIGKILL'));
  const { grpcPort } = await listening(server);
  const client = new inference.GRPCInferenceService(`127.0.0.1:${grpcPort}`, credentials.createInsecure());
  t.after(() => client.close());
  // A request that keeps the drain waiting: more images than are done in a moment.
  const count = 400;
  const pending = new Promise((resolve) => {
    const request = {
      modelName: 'tiny',
      inputs: [{ name: 'pixels', datatype: 'UINT8', shape: [count, 96, 96, 3] }],
      rawInputContents: [Buffer.alloc(count * 96 * 96 * 3)],
    };
    client.ModelInfer(request, (error) => resolve(error?.code));
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  server.child.kill('SIGINT');
  await new Promise((resolve) => setTimeout(resolve, 50));
  server.child.kill('SIGINT');
  const { code, signal } = await server.exit;
  assert.ok(signal === 'SIGINT' || code === 0, `exit status ${code}, signal ${signal}: ${server.output().stderr}`);
  await pending;
});

test('what keeps it from starting is one line and status 1, or 2 when --set is wrong', {
  timeout: TIMEOUT,
}, async (t) => {
  const taken = createServer();
  t.after(() => taken.close());
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as { port: number };
  const cases: [string, number, RegExp][] = [
    [
      `server.httpPort=${port}`,
      1,
      /^headwater: server\.httpPort: 127\.0\.0\.1:\d+ is in use by another process; .*\n$/,
    ],
    ['backbones.0.model=none.onnx', 1, /^headwater: .*none\.onnx.*\n$/],
    [
      'server.grpcport=1',
      2,
      /^headwater: --set server\.grpcport: server\.grpcport: unknown key; did you mean "grpcPort"\?.*\n$/,
    ],
  ];
  for (const [set, status, expected] of cases) {
    const server = await startProcess('broken', [set]);
    assert.equal((await server.exit).code, status, set);
    const told = server
      .output()
      .stderr.split('\n')
      .filter((line) => !line.startsWith('{'))
      .join('\n');
    assert.match(told, expected);
  }
});
