import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inference, type ModelInferRequest, type ModelInferRequest__Output } from '../../../protos/index.js';
import type { ModelSpec, OutputName } from '../../../src/server/codec/model.js';
import { parseInferRequest } from '../../../src/server/codec/request.js';
import {
  asStreamAnswer,
  buildInferResponse,
  type HeadAnswer,
  type InferAnswer,
} from '../../../src/server/codec/response.js';
import { StatusError } from '../../../src/server/errors.js';

const HEAD: ModelSpec = { kind: 'head', name: 'pets', size: 4, dimensions: 3 };
const BACKBONE: ModelSpec = { kind: 'backbone', name: 'tiny', size: 4, dimensions: 3 };
const PIXELS = 4 * 4 * 3;

type Input = NonNullable<ModelInferRequest['inputs']>[number];

/** The request as it comes off the wire. */
function received(request: ModelInferRequest): ModelInferRequest__Output {
  const { requestSerialize, requestDeserialize } = inference.GRPCInferenceService.service.ModelInfer;
  return requestDeserialize(requestSerialize(request));
}

const parse = (request: ModelInferRequest, model = HEAD) =>
  parseInferRequest(received(request), model, { maxImages: 8 });

function refused(request: ModelInferRequest, expected: RegExp, model = HEAD): void {
  try {
    parse(request, model);
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    assert.equal(error.status, 3, 'INVALID_ARGUMENT');
    assert.match(error.message, expected);
    return;
  }
  assert.fail('accepted');
}

const floats = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer);
function strings(...values: (string | Buffer)[]): Buffer {
  return Buffer.concat(
    values.flatMap((value) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(Buffer.from(value).length);
      return [length, Buffer.from(value)];
    }),
  );
}
const embedding = (shape: number[] = [1, 3]): Input => ({ name: 'embedding', datatype: 'FP32', shape });
const good = { inputs: [embedding()], rawInputContents: [floats(1, 2, 3)] };

test('raw inputs of every kind', () => {
  const pixels = Buffer.from(Array.from({ length: 2 * PIXELS }, (_, index) => index));
  const message = received({
    inputs: [{ name: 'pixels', datatype: 'UINT8', shape: [2, 4, 4, 3] }],
    rawInputContents: [pixels],
  });
  const asPixels = parseInferRequest(message, HEAD, { maxImages: 8 });
  assert.deepEqual([asPixels.count, asPixels.raw, asPixels.input.kind], [2, true, 'pixels']);
  assert.ok(asPixels.input.kind === 'pixels' && Buffer.from(asPixels.input.data).equals(pixels));
  assert.equal(asPixels.input.data.buffer, message.rawInputContents[0]?.buffer, 'a view into the message, not a copy');

  const values = Array.from({ length: PIXELS }, (_, index) => index / 7);
  const asInput = parse({
    inputs: [{ name: 'input', datatype: 'FP32', shape: [1, 3, 4, 4] }],
    rawInputContents: [floats(...values)],
  });
  assert.ok(asInput.input.kind === 'input');
  assert.deepEqual(asInput.input.data, Float32Array.from(values));

  for (const shape of [[2], [2, 1]]) {
    const asImages = parse({
      inputs: [{ name: 'image', datatype: 'BYTES', shape }],
      rawInputContents: [strings('ab', '')],
    });
    assert.ok(asImages.input.kind === 'image');
    assert.deepEqual(
      asImages.input.images.map((image) => Buffer.from(image).toString()),
      ['ab', ''],
    );
  }
});

test('typed inputs of every kind', () => {
  const asPixels = parse({
    inputs: [
      { name: 'pixels', datatype: 'UINT8', shape: [1, 4, 4, 3], contents: { uintContents: Array(PIXELS).fill(255) } },
    ],
  });
  assert.ok(asPixels.input.kind === 'pixels' && asPixels.input.data.every((value) => value === 255));
  assert.equal(asPixels.raw, false);
  const asEmbedding = parse({ inputs: [{ ...embedding(), contents: { fp32Contents: [1, 2, 3] } }] });
  assert.ok(asEmbedding.input.kind === 'embedding');
  assert.deepEqual(asEmbedding.input.data, Float32Array.of(1, 2, 3));
  const asImage = parse({
    inputs: [{ name: 'image', datatype: 'BYTES', shape: [1], contents: { bytesContents: [Buffer.from('x')] } }],
  });
  assert.ok(asImage.input.kind === 'image' && asImage.input.images[0]?.[0] === 120);
});

test('without outputs a head answers label and probabilities, a backbone its embedding', () => {
  assert.deepEqual(
    parse(good).outputs.map(({ name }) => name),
    ['label', 'probabilities'],
  );
  const request = { inputs: [{ name: 'image', datatype: 'BYTES', shape: [1] }], rawInputContents: [strings('x')] };
  assert.deepEqual(
    parse(request, BACKBONE).outputs.map(({ name }) => name),
    ['embedding'],
  );
});

test('ids: kept as given, made when empty', () => {
  assert.equal(parse({ ...good, id: 'a b/é*>' }).id, 'a b/é*>');
  assert.match(parse(good).id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/);
  assert.notEqual(parse(good).id, parse(good).id);
  assert.equal(parse({ ...good, id: 'é'.repeat(128) }).id.length, 128);
  refused({ ...good, id: `${'é'.repeat(128)}x` }, /id: expected 1 to 256 bytes of UTF-8, got 257/);
  refused({ ...good, id: 'a\r\nb' }, /id: expected no control characters/);
  refused({ ...good, id: 'x'.repeat(10_240) }, /got 10240/);
});

const image: Input = { name: 'image', datatype: 'BYTES', shape: [1] };
const REFUSED: [string, ModelInferRequest, RegExp, ModelSpec?][] = [
  ['no input', {}, /no input tensor: expected exactly one of image, pixels, input, embedding/],
  ['two inputs', { inputs: [embedding(), image] }, /2 input tensors \(embedding, image\): expected exactly one/],
  ['an unknown tensor', { inputs: [{ name: 'x', datatype: 'FP32', shape: [1] }] }, /tensor "x": pets does not take it/],
  [
    'an embedding for a backbone',
    good,
    /tensor "embedding": tiny does not take it as input \(only heads do\)/,
    BACKBONE,
  ],
  [
    'a wrong datatype',
    { inputs: [{ ...embedding(), datatype: 'INT32' }] },
    /tensor "embedding": expected datatype FP32 \(or FP16, BF16, FP64\), got "INT32"/,
  ],
  ['a wrong rank', { ...good, inputs: [embedding([3])] }, /expected shape \[N,3\], got \[3\]/],
  ['a wrong size', { ...good, inputs: [embedding([1, 4])] }, /expected shape \[N,3\], got \[1,4\]/],
  [
    'pixels as NCHW',
    { inputs: [{ name: 'pixels', datatype: 'UINT8', shape: [1, 3, 4, 4] }] },
    /expected shape \[N,4,4,3\]/,
  ],
  ['image of rank 3', { inputs: [{ ...image, shape: [1, 1, 1] }] }, /expected shape \[N\] or \[N,1\], got \[1,1,1\]/],
  ['no shape', { inputs: [{ ...image, shape: [] }] }, /expected shape \[N\] or \[N,1\], got \[\]/],
  ['N = 0', { ...good, inputs: [embedding([0, 3])] }, /expected shape \[N,3\], got \[0,3\]/],
  ['a negative shape', { ...good, inputs: [embedding([-1, 3])] }, /expected shape \[N,3\], got \[-1,3\]/],
  ['a huge shape', { ...good, inputs: [embedding([2 ** 53 + 2, 3])] }, /expected/],
  ['too large N', { ...good, inputs: [embedding([9, 3])] }, /at most 8 images a request \(server\.queueLimit\), got 9/],
  [
    'NaN',
    { ...good, rawInputContents: [floats(1, Number.NaN, 3)] },
    /tensor "embedding": expected finite numbers, got NaN at \[0,1\]/,
  ],
  [
    'infinity, typed',
    { inputs: [{ ...embedding(), contents: { fp32Contents: [1, 2, -Infinity] } }] },
    /got -infinity at \[0,2\]/,
  ],
  [
    'typed and raw',
    { ...good, inputs: [{ ...embedding(), contents: { fp32Contents: [1, 2, 3] } }] },
    /both contents and raw_input_contents/,
  ],
  [
    'two raw entries',
    { ...good, rawInputContents: [floats(1), floats(2)] },
    /one entry in raw_input_contents .* got 2/,
  ],
  ['raw too short', { ...good, rawInputContents: [floats(1, 2)] }, /expected 12 raw bytes for FP32 \[1,3\], got 8/],
  ['no contents', { inputs: [embedding()] }, /expected 3 elements in fp32_contents for FP32 \[1,3\], got 0/],
  [
    'the wrong typed field',
    { inputs: [{ ...embedding(), contents: { fp64Contents: [1, 2, 3] } }] },
    /got 0 \(3 are in fp64_contents\)/,
  ],
  [
    'UINT8 above 255',
    {
      inputs: [
        { name: 'pixels', datatype: 'UINT8', shape: [1, 4, 4, 3], contents: { uintContents: Array(PIXELS).fill(256) } },
      ],
    },
    /from 0 to 255, got 256 at \[0,0,0,0\]/,
  ],
  [
    'a length that overruns',
    { inputs: [image], rawInputContents: [Buffer.from([255, 255, 255, 255, 1])] },
    /its length says 4294967295 bytes, only 1 follow/,
  ],
  ['half a length', { inputs: [image], rawInputContents: [Buffer.from([1, 0])] }, /expected a length of 4 bytes/],
  [
    'too few elements',
    { inputs: [{ ...image, shape: [2] }], rawInputContents: [strings('a')] },
    /expected 2 elements.* got 1/,
  ],
  [
    'too many elements',
    { inputs: [image], rawInputContents: [strings('a', 'b')] },
    /expected 1 elements, got 5 more bytes/,
  ],
  [
    'an unknown output',
    { ...good, outputs: [{ name: 'x' }] },
    /output "x": unknown; pets gives label, probabilities, embedding/,
  ],
  ['an output twice', { ...good, outputs: [{ name: 'label' }, { name: 'label' }] }, /output "label": asked for twice/],
  [
    'classification as text',
    { ...good, outputs: [{ name: 'probabilities', parameters: { classification: { stringParam: '3' } } }] },
    /expected a whole number from 1 as int64_param, got "3"/,
  ],
  [
    'negative classification',
    { ...good, outputs: [{ name: 'probabilities', parameters: { classification: { int64Param: -1 } } }] },
    /parameter classification/,
  ],
  [
    'classification of labels',
    { ...good, outputs: [{ name: 'label', parameters: { classification: { int64Param: 2 } } }] },
    /only probabilities takes it/,
  ],
  [
    'shared memory',
    { ...good, inputs: [{ ...embedding(), parameters: { shared_memory_region: { stringParam: 'r' } } }] },
    /shared memory is not supported/,
  ],
];

for (const [what, request, expected, model] of REFUSED) {
  test(`refused: ${what}`, () => refused(request, expected, model));
}

const PETS: HeadAnswer = {
  name: 'pets',
  version: 7,
  classes: ['cat', 'dog', 'eel'],
  labels: ['dog', 'cat'],
  probabilities: Float32Array.of(0.25, 0.5, 0.25, 0.5, 0.125, 0.375),
  recorded: true,
};
const ANSWER: InferAnswer = {
  model: 'pets',
  version: '7',
  id: 'r',
  count: 2,
  heads: [PETS],
  several: false,
  embeddings: Float32Array.of(1, 2, 3, 4, 5, 6),
  dimensions: 3,
  timings: { decodeMs: 1, queueMs: 2.5, computeMs: 3.0004 },
};
const output = (tensor: OutputName, classification = 0, head = 0, name: string = tensor) => ({
  ...{ name, tensor, head, classification },
});
const all = (['label', 'probabilities', 'embedding'] as const).map((tensor) => output(tensor));

test('a raw answer', () => {
  const response = buildInferResponse(ANSWER, all, true);
  assert.deepEqual(
    response.outputs?.map(({ name, datatype, shape, contents }) => [name, datatype, shape, contents]),
    [
      ['label', 'BYTES', [2], undefined],
      ['probabilities', 'FP32', [2, 3], undefined],
      ['embedding', 'FP32', [2, 3], undefined],
    ],
  );
  assert.deepEqual(response.rawOutputContents, [
    strings('dog', 'cat'),
    floats(0.25, 0.5, 0.25, 0.5, 0.125, 0.375),
    floats(1, 2, 3, 4, 5, 6),
  ]);
  assert.deepEqual(response.parameters, {
    decode_ms: { stringParam: '1.000' },
    queue_ms: { stringParam: '2.500' },
    compute_ms: { stringParam: '3.000' },
    recorded: { boolParam: true },
  });
});

test('a typed answer', () => {
  const response = buildInferResponse(ANSWER, all, false);
  assert.deepEqual(response.rawOutputContents, []);
  assert.deepEqual(response.outputs?.[0]?.contents, { bytesContents: [Buffer.from('dog'), Buffer.from('cat')] });
  assert.deepEqual(response.outputs?.[2]?.contents, { fp32Contents: [1, 2, 3, 4, 5, 6] });
});

test('classification: the k best of each image, ties in class order, never more than there are', () => {
  const best = (k: number) => {
    const response = buildInferResponse(ANSWER, [output('probabilities', k)], false);
    const [tensor] = response.outputs ?? [];
    return [tensor?.datatype, tensor?.shape, tensor?.contents?.bytesContents?.map(String)];
  };
  assert.deepEqual(best(2), [
    'BYTES',
    [2, 2],
    ['0.500000:1:dog', '0.250000:0:cat', '0.500000:0:cat', '0.375000:2:eel'],
  ]);
  assert.deepEqual(best(9)[1], [2, 3]);
  assert.deepEqual(best(99), best(9), 'however many are asked for');
});

test('a head that has learned nothing answers empty labels and probabilities of shape [N,0]', () => {
  const nothing = { ...PETS, version: 0, classes: [], labels: ['', ''], probabilities: new Float32Array() };
  const untrained = { ...ANSWER, version: '0', heads: [nothing] };
  const response = buildInferResponse(untrained, all.slice(0, 2), true);
  assert.deepEqual(
    response.outputs?.map(({ shape }) => shape),
    [[2], [2, 0]],
  );
  assert.deepEqual(response.rawOutputContents, [strings('', ''), Buffer.alloc(0)]);
  const classified = buildInferResponse(untrained, [output('probabilities', 3)], true);
  assert.deepEqual(classified.outputs?.[0]?.shape, [2, 0]);
});

test('several heads: tensors and parameters by the name of their head, the embedding once', () => {
  const fur: HeadAnswer = { ...PETS, name: 'fur', version: 2, labels: ['long', 'short'], recorded: false };
  const outputs = [
    output('label', 0, 1, 'fur.label'),
    output('label', 0, 0, 'pets.label'),
    output('probabilities', 1, 1, 'fur.probabilities'),
    output('embedding'),
  ];
  const answer = { ...ANSWER, model: 'tiny', version: '1', several: true, heads: [PETS, fur] };
  const response = buildInferResponse(answer, outputs, true);
  assert.deepEqual(
    response.outputs?.map(({ name }) => name),
    ['fur.label', 'pets.label', 'fur.probabilities', 'embedding'],
  );
  assert.deepEqual(response.rawOutputContents?.slice(0, 2), [strings('long', 'short'), strings('dog', 'cat')]);
  const { decode_ms, queue_ms, compute_ms, ...others } = response.parameters ?? {};
  assert.deepEqual(others, {
    recorded: { boolParam: false },
    'pets.version': { stringParam: '7' },
    'pets.recorded': { boolParam: true },
    'fur.version': { stringParam: '2' },
    'fur.recorded': { boolParam: false },
  });
});

test('an answer on a stream says that it is the last one of its request', () => {
  const response = asStreamAnswer(buildInferResponse(ANSWER, all, true));
  assert.deepEqual(response.parameters?.triton_final_response, { boolParam: true });
  assert.deepEqual(response.parameters?.recorded, { boolParam: true });
});
