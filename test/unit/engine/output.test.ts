import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../../../src/engine/backbone.js';
import type { GraphIndex } from '../../../src/engine/onnx/graph.js';
import { indexGraph } from '../../../src/engine/onnx/graph.js';
import { chooseOutput } from '../../../src/engine/onnx/output.js';
import { readOnnx } from '../../../src/engine/onnx/read.js';
import { keepOutput } from '../../../src/engine/onnx/rewrite.js';
import type { ModelSpec } from './synthetic.js';
import { buildModel, classifierSpec } from './synthetic.js';

function indexOf(spec: ModelSpec): GraphIndex {
  return indexGraph(readOnnx(buildModel(spec), 'model').graph);
}

const defaults: [string, ModelSpec, string][] = [
  ['features', classifierSpec('Gemm', ['flat', 'scores']), 'flat'],
  ['rank 4 features', classifierSpec('Gemm', ['pooled', 'scores']), 'pooled'],
  ['Gemm logits', classifierSpec('Gemm', ['scores', 'flat']), 'flat'],
  ['Gemm, Softmax', classifierSpec('Gemm', ['probabilities']), 'flat'],
  ['MatMul logits', classifierSpec('MatMul', ['scores']), 'flat'],
  ['MatMul, Add, Softmax', classifierSpec('MatMulAdd', ['probabilities']), 'flat'],
  ['MatMul, Add', classifierSpec('MatMulAdd', ['scores']), 'flat'],
];
for (const [name, spec, expected] of defaults) {
  test(`the default output of a model with ${name} first is ${expected}`, () => {
    const { tensor, reason } = chooseOutput(indexOf(spec), undefined, 'model');
    assert.equal(tensor, expected);
    if (spec.outputs[0]?.name !== expected) assert.match(reason, /logits.*(Gemm|MatMul) "fc"/);
  });
}

test('logits behind a Reshape, and weights behind a Transpose, are still seen', () => {
  const spec = classifierSpec('MatMul', ['reshaped']);
  spec.nodes = spec.nodes.map((node) => (node.op === 'MatMul' ? { ...node, inputs: ['flat', 'turned'] } : node));
  spec.nodes.push({ op: 'Transpose', inputs: ['w5'], outputs: ['turned'], attributes: { perm: [1, 0] } });
  spec.nodes.push({ op: 'Reshape', inputs: ['probabilities', 'shape'], outputs: ['reshaped'] });
  spec.weights!.w5 = { dims: [5, 4], values: new Array(20).fill(1) };
  spec.int64s = { shape: [-1, 5] };
  assert.equal(chooseOutput(indexOf(spec), undefined, 'model').tensor, 'flat');
});

test('a product of two computed tensors is no classifier', () => {
  const spec = classifierSpec('MatMul', ['scores']);
  spec.nodes = spec.nodes.map((node) => (node.op === 'MatMul' ? { ...node, inputs: ['flat', 'flat'] } : node));
  assert.equal(chooseOutput(indexOf(spec), undefined, 'model').tensor, 'scores');
});

test('a cycle in the graph ends the search', () => {
  const spec = classifierSpec('Gemm', ['a']);
  spec.nodes.push({ op: 'Identity', inputs: ['b'], outputs: ['a'] }, { op: 'Identity', inputs: ['a'], outputs: ['b'] });
  const index = indexOf(spec);
  assert.equal(chooseOutput(index, undefined, 'model').tensor, 'a');
  assert.ok(keepOutput(buildModel(spec), index, 'a', 'model').length > 0);
});

test('a named output may be a graph output or an inner tensor', () => {
  const index = indexOf(classifierSpec('Gemm', ['scores']));
  for (const name of ['scores', 'pooled', 'maps']) assert.equal(chooseOutput(index, name, 'model').tensor, name);
});

test('an unknown output is refused with the outputs and near names', () => {
  const index = indexOf(classifierSpec('Gemm', ['scores', 'flat']));
  for (const name of ['poold', 'image', 'w', '', '__proto__']) {
    assert.throws(
      () => chooseOutput(index, name, 'm.onnx'),
      (error) => {
        assert.ok(error instanceof EngineError);
        assert.equal(error.code, 'output_unknown');
        assert.match(error.message, /^m\.onnx: .*"scores", "flat"/);
        if (name === 'poold') assert.match(error.message, /Near names: "pooled"/);
        return true;
      },
    );
  }
});

test('rewriting keeps the embedding and what it needs, and nothing else', () => {
  const spec = classifierSpec('Gemm', ['scores', 'flat']);
  spec.inputs.push({ name: 'unused', shape: ['N'] });
  const bytes = buildModel(spec);
  const index = indexGraph(readOnnx(bytes, 'model').graph);
  const inner = readOnnx(keepOutput(bytes, index, 'pooled', 'model'), 'model').graph;
  assert.deepEqual(inner.outputs, [{ name: 'pooled', dataType: undefined, shape: undefined }]);
  assert.deepEqual(inner.nodes, index.graph.nodes.slice(0, 2));
  assert.deepEqual(
    inner.initializers.map(({ name }) => name),
    ['filters'],
  );
  assert.deepEqual(
    inner.inputs.map(({ name }) => name),
    ['image'],
  );
  assert.deepEqual(
    inner.valueInfo.map(({ name }) => name),
    ['maps'],
  );
  const outer = readOnnx(keepOutput(bytes, index, 'flat', 'model'), 'model').graph;
  assert.deepEqual(outer.outputs, [{ name: 'flat', dataType: 1, shape: ['N', 4] }]);
});

test('rewriting copies fields that the schema does not know', () => {
  // ModelProto.producer_name (2) and metadata_props (14) are not in the schema.
  const extra = Uint8Array.from([0x12, 0x03, 0x61, 0x62, 0x63, 0x72, 0x00]);
  const bytes = Buffer.concat([buildModel(classifierSpec('Gemm', ['scores'])), extra]);
  const index = indexGraph(readOnnx(bytes, 'model').graph);
  const kept = keepOutput(bytes, index, 'flat', 'model');
  assert.deepEqual(kept.subarray(-extra.length), extra);
});
