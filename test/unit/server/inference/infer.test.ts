import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModelInferRequest__Output } from '../../../../protos/index.js';
import { Batcher } from '../../../../src/server/batching/batcher.js';
import type { DecodeOptions } from '../../../../src/server/images/decode.js';
import { Evaluator } from '../../../../src/server/inference/evaluator.js';
import { type InferDependencies, infer } from '../../../../src/server/inference/infer.js';
import type { Models } from '../../../../src/server/inference/models.js';
import { anyone } from '../../../../src/server/security/caller.js';
import { FakeBackbone } from '../../../support/fake-backbone.js';

const IMAGE = Buffer.from([0xff, 0xd8, 0xff]);

function image(parameters: object = {}): ModelInferRequest__Output {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(IMAGE.length);
  return {
    ...{ modelName: 'tiny', modelVersion: '', id: '', outputs: [], parameters },
    inputs: [{ name: 'image', datatype: 'BYTES', shape: [1], parameters: {}, contents: null }],
    rawInputContents: [Buffer.concat([length, IMAGE])],
  } as unknown as ModelInferRequest__Output;
}

/** A backbone by itself, whose decoder says how long it will take. */
function service(expectedMs = 0) {
  const backbone = new FakeBackbone({ manual: true });
  const batcher = new Batcher(backbone, { size: 4, waitMs: 0, queueLimit: 100 });
  const { size } = backbone.image;
  const spec = { kind: 'backbone', name: 'tiny', size, dimensions: backbone.dimensions };
  const decoded: (DecodeOptions | undefined)[] = [];
  const decode = async (images: readonly Uint8Array[], _crop: unknown, options?: DecodeOptions) => {
    decoded.push(options);
    return new Uint8Array(images.length * size * size * 3);
  };
  const dependencies = {
    models: { resolve: async () => ({ kind: 'backbone', spec, batcher }) } as unknown as Models,
    learning: { recordServed: async () => true },
    decode: Object.assign(decode, { expectedMs: () => expectedMs }),
    evaluator: new Evaluator({ classify: () => [], bytes: 1e6, clientShare: 1 }),
  } as InferDependencies;
  return { backbone, batcher, decoded, dependencies };
}

const context = (deadlineMs = Number.POSITIVE_INFINITY) => {
  const { signal } = new AbortController();
  return { deadlineMs, signal, caller: anyone('somebody') };
};

test('the decoder is told whose images they are, and their deadline: of the call or of the parameter timeout', async () => {
  const { backbone, decoded, dependencies } = service();
  const before = Date.now();
  const answer = infer(image({ timeout: { int64Param: 5_000_000 } }), context(before + 60_000), dependencies);
  await new Promise((resolve) => setImmediate(resolve));
  await backbone.finish();
  await answer;
  const [options] = decoded;
  assert.deepEqual([options?.client, options?.priority], ['somebody', 'inference']);
  assert.ok(options!.deadlineMs! >= before + 5_000 && options!.deadlineMs! < before + 59_000);
});

test('a request that the decoders have no time for is refused before anything is decoded', async () => {
  const { backbone, batcher, decoded, dependencies } = service(10_000);
  // What the engine takes is known, and it is not idle.
  const submit = () =>
    batcher
      .admit({ images: 1, bytes: 1, client: 'other', priority: 'inference' })
      .submit({ kind: 'pixels', count: 1, data: new Uint8Array(backbone.image.size ** 2 * 3) });
  const first = submit();
  await backbone.finish();
  await first;
  const running = submit();
  await assert.rejects(infer(image(), context(Date.now() + 5_000), dependencies), {
    code: 'deadline_exceeded',
    message: /: not run: /,
  });
  assert.equal(decoded.length, 0);
  assert.equal(batcher.depth, 0);
  await backbone.finish();
  await running;
});

test('embeddings that a request brings itself need a place too', async () => {
  const { batcher, dependencies } = service();
  const spec = { kind: 'head', name: 'pets', size: 4, dimensions: 3 };
  const models = { resolve: async () => ({ kind: 'head', spec, batcher, capture: () => assert.fail() }) };
  const evaluator = new Evaluator({ classify: () => [], bytes: 8, clientShare: 1 });
  const request = {
    ...image(),
    inputs: [{ name: 'embedding', datatype: 'FP32', shape: [1, 3], parameters: {}, contents: null }],
    rawInputContents: [Buffer.alloc(12)],
  } as unknown as ModelInferRequest__Output;
  await assert.rejects(infer(request, context(), { ...dependencies, evaluator, models: models as unknown as Models }), {
    code: 'message_too_large',
  });
});
