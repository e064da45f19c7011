import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { status as Status } from '@grpc/grpc-js';
import sharp from 'sharp';
import type { ModelStreamInferResponse__Output } from '../../protos/generated/inference/ModelStreamInferResponse.js';
import {
  call,
  failure,
  PETS,
  rawFloats,
  rawStrings,
  readRawFloats,
  readRawStrings,
  startTestServer,
  type TestServer,
} from '../support/test-server.js';

const PIXELS = 4 * 4 * 3;
let server: TestServer;

before(async () => {
  server = await startTestServer();
  server.learning.heads.teach('pets', PETS);
});
after(() => server.close());

const pixels = (...values: number[]) => ({
  inputs: [{ name: 'pixels', datatype: 'UINT8', shape: [values.length, 4, 4, 3] }],
  rawInputContents: [Buffer.concat(values.map((value) => Buffer.alloc(PIXELS, value)))],
});
const embedding = (...values: number[]) => ({
  inputs: [{ name: 'embedding', datatype: 'FP32', shape: [values.length / 3, 3] }],
  rawInputContents: [rawFloats(...values)],
});

test('server and models say what they are', async () => {
  const { inference: client } = server;
  assert.deepEqual(await call(client.ServerLive, client, {}), { live: true });
  assert.deepEqual(await call(client.ServerReady, client, {}), { ready: true });
  const metadata = await call(client.ServerMetadata, client, {});
  assert.deepEqual((metadata as { name: string }).name, 'headwater');
  assert.deepEqual(await call(client.ModelReady, client, { name: 'pets', version: '' }), { ready: true });
  assert.deepEqual(await call(client.ModelMetadata, client, { name: 'pets' }), {
    name: 'pets',
    versions: ['1'],
    platform: 'headwater',
    inputs: [
      { name: 'image', datatype: 'BYTES', shape: [-1] },
      { name: 'pixels', datatype: 'UINT8', shape: [-1, 4, 4, 3] },
      { name: 'input', datatype: 'FP32', shape: [-1, 3, 4, 4] },
      { name: 'embedding', datatype: 'FP32', shape: [-1, 3] },
    ],
    outputs: [
      { name: 'label', datatype: 'BYTES', shape: [-1] },
      { name: 'probabilities', datatype: 'FP32', shape: [-1, -1] },
      { name: 'embedding', datatype: 'FP32', shape: [-1, 3] },
    ],
  });
  const backbone = await call(client.ModelMetadata, client, { name: 'tiny', version: '1' });
  assert.equal((backbone as { inputs: unknown[] }).inputs.length, 3);
});

test('images, pixels and embeddings are answered, and recorded as they were answered', async () => {
  server.learning.recorded.length = 0;
  const image = await sharp({ create: { width: 9, height: 7, channels: 3, background: '#070707' } })
    .png()
    .toBuffer();
  const response = await server.infer({
    modelName: 'pets',
    id: 'photo',
    inputs: [{ name: 'image', datatype: 'BYTES', shape: [2] }],
    rawInputContents: [rawStrings(image, image)],
    outputs: [{ name: 'label' }, { name: 'probabilities' }, { name: 'embedding' }],
  });
  assert.deepEqual([response.modelName, response.modelVersion, response.id], ['pets', '1', 'photo']);
  assert.deepEqual(readRawStrings(response.rawOutputContents[0]!), ['eel', 'eel']);
  assert.deepEqual(readRawFloats(response.rawOutputContents[2]!), [7, 8, 9, 7, 8, 9]);
  const probabilities = readRawFloats(response.rawOutputContents[1]!);
  assert.equal(probabilities.length, 6);
  assert.ok(Math.abs(probabilities[0]! + probabilities[1]! + probabilities[2]! - 1) < 1e-6);
  assert.equal(response.parameters.recorded?.boolParam, true);
  for (const stage of ['decode_ms', 'queue_ms', 'compute_ms']) {
    assert.ok(Number(response.parameters[stage]?.stringParam) >= 0, stage);
  }
  const { head, items } = server.learning.recorded[0]!;
  assert.deepEqual(
    [head.version, items.map(({ id, predicted }) => [id, predicted])],
    [
      1,
      [
        ['photo/0', 'eel'],
        ['photo/1', 'eel'],
      ],
    ],
  );
  assert.deepEqual(items[1]!.embedding, Float32Array.of(7, 8, 9));
});

test('an embedding skips the backbone; one image keeps its id', async () => {
  server.learning.recorded.length = 0;
  const before = server.backbone.batches.length;
  const response = await server.infer({ modelName: 'pets', id: 'a b', ...embedding(0, 5, 1) });
  assert.deepEqual(readRawStrings(response.rawOutputContents[0]!), ['dog']);
  assert.equal(server.backbone.batches.length, before);
  assert.equal(server.learning.recorded[0]!.items[0]!.id, 'a b');
});

test('typed contents are answered with typed contents; ids are made', async () => {
  const response = await server.infer({
    modelName: 'pets',
    inputs: [{ name: 'embedding', datatype: 'FP32', shape: [1, 3], contents: { fp32Contents: [9, 0, 0] } }],
    outputs: [{ name: 'label' }, { name: 'probabilities', parameters: { classification: { int64Param: 2 } } }],
  });
  assert.deepEqual(response.rawOutputContents, []);
  assert.deepEqual(response.outputs[0]?.contents?.bytesContents.map(String), ['cat']);
  assert.match(String(response.outputs[1]?.contents?.bytesContents[0]), /^0\.999753:0:cat$/);
  assert.match(response.id, /^[0-9a-f-]{36}$/);
});

test('a backbone gives embeddings and records nothing', async () => {
  server.learning.recorded.length = 0;
  const response = await server.infer({ modelName: 'tiny', ...pixels(3, 5) });
  assert.deepEqual(readRawFloats(response.rawOutputContents[0]!), [3, 4, 5, 5, 6, 7]);
  assert.equal(response.parameters.recorded, undefined);
  assert.equal(response.modelVersion, '1');
  assert.equal(server.learning.recorded.length, 0);
});

test('a head that has learned nothing answers empty and records', async () => {
  const { heads, recorded } = server.learning;
  heads.add({ ...heads.status('pets')!.definition, name: 'fresh' });
  recorded.length = 0;
  const response = await server.infer({ modelName: 'fresh', id: 'x', ...pixels(1) });
  assert.deepEqual(
    response.outputs.map(({ shape }) => shape),
    [[1], [1, 0]],
  );
  assert.deepEqual(response.rawOutputContents, [rawStrings(''), Buffer.alloc(0)]);
  assert.deepEqual([response.modelVersion, response.parameters.recorded?.boolParam], ['0', true]);
  assert.equal(recorded[0]!.items[0]!.predicted, '');
  await heads.delete('fresh', 0);
});

test('a version that is named is the one that answers', async () => {
  server.learning.heads.teach('pets', { ...PETS, classes: ['one', 'two', 'three'] });
  const label = async (modelVersion: string) => {
    const response = await server.infer({ modelName: 'pets', modelVersion, ...embedding(9, 0, 0) });
    return [response.modelVersion, ...readRawStrings(response.rawOutputContents[0]!)];
  };
  assert.deepEqual(await label('1'), ['1', 'cat']);
  assert.deepEqual(await label(''), ['2', 'one']);
  await server.learning.heads.rollback('pets', 1);
  assert.deepEqual(await label(''), ['1', 'cat']);
  assert.deepEqual(await label('2'), ['2', 'one']);
  await server.learning.heads.rollback('pets', 0);
});

test('recorded is false when the record was not stored, or its id could not be named', async () => {
  server.learning.recordedAnswer = false;
  const lost = await server.infer({ modelName: 'pets', ...embedding(1, 0, 0) });
  assert.equal(lost.parameters.recorded?.boolParam, false);
  server.learning.recordedAnswer = true;
  const long = await server.infer({ modelName: 'pets', id: 'x'.repeat(256), ...embedding(1, 0, 0, 0, 1, 0) });
  assert.equal(long.parameters.recorded?.boolParam, false);
});

test('a stream answers in order, errors among the answers', async () => {
  const stream = server.inference.ModelStreamInfer();
  const answers: ModelStreamInferResponse__Output[] = [];
  stream.on('data', (answer: ModelStreamInferResponse__Output) => answers.push(answer));
  const ended = new Promise((resolve) => stream.on('end', resolve));
  for (let index = 0; index < 60; index++) {
    // Every third is answered without the backbone, so it is ready before those in front of it.
    const request = index % 3 === 0 ? embedding(index, 0, 0) : pixels(index);
    stream.write({ modelName: index === 7 ? 'nobody' : 'pets', id: `s${index}`, ...request });
  }
  // Answers come while the stream is open.
  while (answers.length < 60) await sleep(5);
  stream.end();
  await ended;
  assert.deepEqual(
    answers.map(({ inferResponse }) => inferResponse?.id),
    Array.from({ length: 60 }, (_, i) => `s${i}`),
  );
  assert.match(answers[7]!.errorMessage, /^NOT_FOUND: no model "nobody"; there are pets, tiny$/);
  assert.equal(answers.filter(({ errorMessage }) => errorMessage !== '').length, 1);
});

test('a client that does not read its answers is not read either', async (t) => {
  const slow = await startTestServer({ set: ['server.queueLimit=100000', 'server.streamWindow=2'] });
  t.after(() => slow.close());
  // Each answer has 1 MB: HTTP/2's windows are full after a few.
  const rows = 80_000;
  const request = {
    modelName: 'pets',
    inputs: [{ name: 'embedding', datatype: 'FP32', shape: [rows, 3] }],
    rawInputContents: [Buffer.alloc(rows * 12)],
    outputs: [{ name: 'embedding' }],
  };
  const stream = slow.inference.ModelStreamInfer();
  stream.on('error', () => {});
  stream.pause();
  for (let index = 0; index < 100; index++) stream.write(request);
  const answered = () => slow.learning.recorded.length;
  while (answered() < 3) await sleep(10);
  await sleep(1000);
  assert.ok(answered() < 60, `${answered()} of 100 were worked on`);
  stream.cancel();
});

test('a deadline that passes is DEADLINE_EXCEEDED, and a full queue RESOURCE_EXHAUSTED with a delay', async (t) => {
  const busy = await startTestServer({ backbone: { manual: true }, set: ['server.queueLimit=2'] });
  t.after(() => busy.close());
  const first = busy.infer({ modelName: 'tiny', ...pixels(1) });
  while (busy.backbone.batches.length === 0) await sleep(2);
  const waiting = failure(busy.infer({ modelName: 'tiny', ...pixels(2, 3) }, 400));
  let refused = await failure(busy.infer({ modelName: 'tiny', ...pixels(1) }, 350));
  while (refused.code === Status.DEADLINE_EXCEEDED)
    refused = await failure(busy.infer({ modelName: 'tiny', ...pixels(1) }, 300));
  assert.equal(refused.code, Status.RESOURCE_EXHAUSTED);
  assert.match(refused.details, /server\.queueLimit/);
  assert.ok(Number(refused.metadata.get('grpc-retry-pushback-ms')[0]) > 0);
  assert.equal((await waiting).code, Status.DEADLINE_EXCEEDED);
  while (!/^headwater_queue_depth\{backbone="tiny"\} 0$/m.test((await busy.get('/metrics')).body)) await sleep(5);
  await busy.backbone.finish();
  await first;
  await sleep(20);
  assert.deepEqual(busy.backbone.batches, [1], 'what was too late never ran');
});
