import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { indexGraph } from '../../../src/engine/onnx/graph.js';
import type { OnnxTensor } from '../../../src/engine/onnx/model.js';
import { dataTypes } from '../../../src/engine/onnx/model.js';
import { readOnnx } from '../../../src/engine/onnx/read.js';
import { countZeros, weightSparsity } from '../../../src/engine/sparsity.js';
import { tinyModel } from './fixtures.js';
import { buildModel, classifierSpec } from './synthetic.js';

const empty: OnnxTensor = {
  name: 't',
  dataType: dataTypes.float,
  dims: [],
  raw: undefined,
  floats: [],
  doubles: [],
  int32s: [],
  int64s: [],
};

/** The same bytes at an odd address, as they lie in a file. */
function misaligned(bytes: ArrayBufferLike): Uint8Array {
  const moved = new Uint8Array(bytes.byteLength + 1);
  moved.set(new Uint8Array(bytes), 1);
  return moved.subarray(1);
}

test('zeros of either sign are counted in every way to store floats', () => {
  const values = [0, -0, 1e-40, -3, 0, 2];
  const doubles = { ...empty, dataType: dataTypes.double };
  const halves = { ...empty, dataType: dataTypes.float16 };
  const halfBits = [0x0000, 0x8000, 0x0001, 0xc200, 0x0000, 0x4000];
  const tensors: OnnxTensor[] = [
    { ...empty, floats: values },
    { ...empty, raw: misaligned(Float32Array.from(values).buffer) },
    { ...doubles, doubles: values },
    { ...doubles, raw: misaligned(Float64Array.from(values).buffer) },
    { ...halves, int32s: halfBits },
    { ...halves, raw: misaligned(Uint16Array.from(halfBits).buffer) },
  ];
  for (const tensor of tensors) assert.deepEqual(countZeros(tensor), { zeros: 3, total: 6 });
});

test('only weights of convolutions and matrix products count, each once', () => {
  const spec = classifierSpec('Gemm', ['scores']);
  spec.nodes.push({ op: 'Conv', inputs: ['image', 'filters', 'zeroBias'], outputs: ['again'] });
  spec.weights!.zeroBias = { dims: [4], values: [0, 0, 0, 0] };
  const index = indexGraph(readOnnx(buildModel(spec), 'model').graph);
  // filters: 6 of 12; w: 1 of 20.
  assert.equal(weightSparsity(index, index.graph.nodes), 7 / 32);
  assert.equal(weightSparsity(index, []), 0);
});

test('the tiny backbone is about 90 % sparse, as its card says', () => {
  const index = indexGraph(readOnnx(readFileSync(tinyModel), 'tiny').graph);
  const sparsity = weightSparsity(index, index.graph.nodes);
  assert.ok(sparsity > 0.895 && sparsity < 0.905, `${sparsity}`);
});
