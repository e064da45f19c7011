import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModelInferResponse__Output } from '../../../protos/index.js';
import {
  embedRequest,
  inferRequest,
  readEmbeddings,
  readPrediction,
  readPredictions,
} from '../../../src/client/answer.js';
import { decodeBytes, encodeBytes } from '../../../src/client/bytes.js';
import { inputTensor } from '../../../src/client/input.js';

test('BYTES tensors survive the way there and back, and cut ones are refused', () => {
  const elements = [Buffer.from(''), Buffer.from('a:b'), Buffer.alloc(300, 7)];
  assert.deepEqual(decodeBytes(encodeBytes(elements)), elements);
  assert.throws(() => decodeBytes(encodeBytes(elements).subarray(0, -1)), RangeError);
  assert.throws(() => decodeBytes(Buffer.from([1, 0])), RangeError);
});

test('a request carries the image raw and asks for the best classes only when wanted', () => {
  const input = { image: Buffer.from('xy') };
  const plain = inferRequest({ heads: ['demo'], id: 'id', input, top: 0 });
  assert.deepEqual(plain.outputs, [{ name: 'label' }]);
  assert.deepEqual(plain.rawInputContents, [Buffer.from([2, 0, 0, 0, 120, 121])]);
  const best = inferRequest({ heads: ['demo'], id: '', input, top: 5 });
  assert.deepEqual(best.outputs?.[1], { name: 'probabilities', parameters: { classification: { int64Param: 5 } } });
  const all = inferRequest({ heads: ['demo'], id: '', input });
  assert.deepEqual(all.outputs?.[1], { name: 'probabilities' });
});

test('a request to several heads names them, and the outputs of each', () => {
  const request = inferRequest({ heads: ['pets', 'coats'], id: 'x', input: { embedding: [1, 2] }, version: 3 });
  assert.deepEqual([request.modelName, request.modelVersion], ['pets', '3']);
  assert.deepEqual(request.parameters, { heads: { stringParam: 'pets,coats' } });
  const names = request.outputs?.map(({ name }) => name);
  assert.deepEqual(names, ['pets.label', 'pets.probabilities', 'coats.label', 'coats.probabilities']);
});

test('inputs become tensors with the batch in front', () => {
  const shape = (tensor: ReturnType<typeof inputTensor>) => [tensor.name, tensor.datatype, ...tensor.shape];
  assert.deepEqual(shape(inputTensor({ images: [Buffer.from('a'), Buffer.from('b')] })), ['image', 'BYTES', 2]);
  const pixels = { pixels: new Uint8Array(12), shape: [2, 2, 3] };
  assert.deepEqual(shape(inputTensor(pixels)), ['pixels', 'UINT8', 1, 2, 2, 3]);
  const input = { input: new Float32Array(24), shape: [2, 3, 2, 2] };
  assert.deepEqual(shape(inputTensor(input)), ['input', 'FP32', 2, 3, 2, 2]);
  const embeddings = inputTensor({ embeddings: [[1, 2], Float32Array.of(3, 4)] });
  assert.deepEqual(shape(embeddings), ['embedding', 'FP32', 2, 2]);
  assert.deepEqual([...new Float32Array(Uint8Array.from(embeddings.raw).buffer)], [1, 2, 3, 4]);
});

test('a view into a larger buffer is sent as the view alone', () => {
  const whole = Float32Array.of(9, 1, 2, 3, 9);
  const { raw } = inputTensor({ input: whole.subarray(1, 4), shape: [3, 1, 1] });
  assert.deepEqual([...new Float32Array(Uint8Array.from(raw).buffer)], [1, 2, 3]);
});

test('shapes that do not fit are told before anything is sent', () => {
  assert.throws(() => inputTensor({ images: [] }), /at least one/);
  assert.throws(() => inputTensor({ embeddings: [] }), /at least one/);
  assert.throws(() => inputTensor({ embeddings: [[1, 2], [3]] }), /embeddings\[1\]: expected 2 numbers/);
  const pixels = new Uint8Array(12);
  assert.throws(() => inputTensor({ pixels, shape: [2, 2, 4] }), /pixels: shape \[2, 2, 4\] does not fit 12 values/);
  assert.throws(() => inputTensor({ pixels, shape: [12] }), /does not fit/);
});

function response(contents: 'raw' | 'typed'): ModelInferResponse__Output {
  const label = Buffer.from('a:b');
  const top = [Buffer.from('0.9:2:a:b'), Buffer.from('1e-3:0:c')];
  const output = (name: string, elements: Buffer[]) => ({
    name,
    datatype: 'BYTES',
    shape: [elements.length],
    parameters: {},
    contents: contents === 'typed' ? { bytesContents: elements } : null,
  });
  return {
    modelName: 'demo',
    modelVersion: '7',
    id: 'x',
    parameters: { recorded: { boolParam: true } },
    outputs: [output('label', [label]), output('probabilities', top)],
    rawOutputContents: contents === 'raw' ? [encodeBytes([label]), encodeBytes(top)] : [],
  } as unknown as ModelInferResponse__Output;
}

test('answers are read from raw and from typed contents; class names may hold colons', () => {
  for (const contents of ['raw', 'typed'] as const) {
    const { images, timings, ...answer } = readPrediction(response(contents));
    const top = [
      { name: 'a:b', probability: 0.9 },
      { name: 'c', probability: 0.001 },
    ];
    assert.deepEqual(answer, { id: 'x', head: 'demo', version: 7, label: 'a:b', top, recorded: true });
    assert.deepEqual(images, [{ id: 'x', label: 'a:b', probabilities: new Float32Array(0), top }]);
    assert.ok(Number.isNaN(timings.computeMs), 'a server that does not tell its timings');
  }
});

const floats = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer);

test('several images: an answer each, under the ids that labels name them by', () => {
  const { images } = readPrediction({
    ...response('raw'),
    outputs: [
      { name: 'label', datatype: 'BYTES', shape: [2], parameters: {}, contents: null },
      { name: 'probabilities', datatype: 'FP32', shape: [2, 2], parameters: {}, contents: null },
    ],
    // The second tensor does not begin where a float may.
    rawOutputContents: [
      encodeBytes([Buffer.from('cat'), Buffer.from('dog')]),
      Buffer.concat([Buffer.from('x'), floats(0.75, 0.25, 0.5, 0.5)]).subarray(1),
    ],
  });
  assert.deepEqual(
    images.map(({ id, label, probabilities }) => [id, label, ...probabilities]),
    [
      ['x/0', 'cat', 0.75, 0.25],
      ['x/1', 'dog', 0.5, 0.5],
    ],
  );
});

test('several heads: each with its own version and record', () => {
  const answer = {
    ...response('raw'),
    parameters: {
      recorded: { boolParam: false },
      'a.version': { stringParam: '4' },
      'a.recorded': { boolParam: true },
      'b.version': { stringParam: '0' },
    },
    outputs: ['a.label', 'b.label'].map((name) => ({ name, datatype: 'BYTES', shape: [1], contents: null })),
    rawOutputContents: [encodeBytes([Buffer.from('cat')]), encodeBytes([Buffer.from('')])],
  } as unknown as ModelInferResponse__Output;
  const heads = readPredictions(answer, ['a', 'b']);
  const told = [...heads.values()].map(({ head, version, label, recorded }) => [head, version, label, recorded]);
  assert.deepEqual(told, [
    ['a', 4, 'cat', true],
    ['b', 0, '', false],
  ]);
});

test('embeddings are asked for and read as a row an image', () => {
  assert.deepEqual(embedRequest('tiny', 'x', { embedding: [1] }).outputs, [{ name: 'embedding' }]);
  const answer = {
    ...response('raw'),
    outputs: [{ name: 'embedding', datatype: 'FP32', shape: [2, 3], contents: null }],
    rawOutputContents: [floats(1, 2, 3, 4, 5, 6)],
  } as unknown as ModelInferResponse__Output;
  assert.deepEqual(readEmbeddings(answer), [Float32Array.of(1, 2, 3), Float32Array.of(4, 5, 6)]);
});
