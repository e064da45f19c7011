import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { EngineError } from '../../../src/engine/backbone.js';
import { readOnnx } from '../../../src/engine/onnx/read.js';
import { ModelProto } from '../../../src/engine/onnx/schema.js';
import { tinyModel } from './fixtures.js';
import { buildModel, classifierSpec } from './synthetic.js';

function refusal(bytes: Uint8Array): EngineError {
  try {
    readOnnx(bytes, 'some/model.onnx');
  } catch (error) {
    assert.ok(error instanceof EngineError, `not an EngineError: ${error}`);
    assert.match(error.message, /^some\/model\.onnx: /);
    return error;
  }
  throw new Error('the model was accepted');
}

test('the tiny backbone reads: inputs, outputs, nodes, weights as views on the file', () => {
  const file = readFileSync(tinyModel);
  const { graph, opsets } = readOnnx(file, tinyModel);
  assert.equal(opsets.get(''), 13);
  assert.deepEqual(graph.inputs, [{ name: 'input', dataType: 1, shape: ['N', 3, 96, 96] }]);
  assert.deepEqual(graph.outputs, [{ name: 'features', dataType: 1, shape: ['N', 256] }]);
  const convolutions = graph.nodes.filter((node) => node.opType === 'Conv');
  assert.ok(convolutions.length >= 15);
  assert.ok(convolutions.every((node) => node.attributes.get('kernel_shape')?.ints?.length === 2));
  const weights = graph.initializers.filter((tensor) => tensor.dims.length === 4);
  assert.equal(weights.length, convolutions.length);
  assert.ok(weights.every((tensor) => tensor.raw?.buffer === file.buffer));
});

test('a synthetic model comes back as it was built', () => {
  const { graph } = readOnnx(buildModel(classifierSpec('Gemm', ['pooled', 'scores'])), 'model');
  assert.deepEqual(
    graph.nodes.map((node) => node.opType),
    ['Conv', 'GlobalAveragePool', 'Flatten', 'Gemm', 'Softmax'],
  );
  assert.equal(graph.nodes[2]?.attributes.get('axis')?.int, 1);
  assert.deepEqual(
    graph.outputs.map((output) => output.shape),
    [
      ['N', 4, 1, 1],
      ['N', 5],
    ],
  );
  assert.deepEqual(
    graph.initializers.map((tensor) => tensor.dims),
    [[4, 3, 1, 1], [4, 5], [5]],
  );
});

test('files that are no model are refused by name', () => {
  assert.match(refusal(new Uint8Array(0)).message, /empty/);
  assert.match(
    refusal(Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:0\n')).message,
    /git lfs pull/,
  );
  const texts = [
    'hello',
    'a text file\nwith lines\n',
    '<!doctype html><html></html>',
    '{"a": 1}',
    '\u0000',
    '\u00ff'.repeat(50),
  ];
  for (const text of texts) assert.equal(refusal(Buffer.from(text)).code, 'model_unreadable');
});

test('a model cut off anywhere is refused', () => {
  const bytes = buildModel(classifierSpec('Gemm', ['scores']));
  for (let length = 0; length < bytes.length; length++) {
    assert.equal(refusal(bytes.subarray(0, length)).code, 'model_unreadable', `${length} bytes`);
  }
  const tiny = readFileSync(tinyModel);
  for (let part = 1; part < 40; part++) {
    assert.equal(refusal(tiny.subarray(0, Math.floor((tiny.length * part) / 40))).code, 'model_unreadable');
  }
});

test('a model with any byte changed is read or refused, never a crash', () => {
  const bytes = buildModel(classifierSpec('Gemm', ['scores']));
  let refused = 0;
  for (let at = 0; at < bytes.length; at++) {
    for (const value of [0x00, 0x7f, 0xff]) {
      const damaged = Uint8Array.from(bytes);
      damaged[at] = value;
      try {
        readOnnx(damaged, 'model');
      } catch (error) {
        assert.ok(error instanceof EngineError, `byte ${at} = ${value}: ${error}`);
        refused++;
      }
    }
  }
  assert.ok(refused > bytes.length / 4);
});

test('graphs nested without end are refused', () => {
  // GraphProto.node (1) . NodeProto.attribute (5) . AttributeProto.g (6), again and again.
  let inner: Uint8Array = new Uint8Array(0);
  const wrap = (field: number, content: Uint8Array) => {
    const length: number[] = [];
    for (let rest = content.length; ; rest >>>= 7) {
      length.push(rest > 127 ? (rest & 127) | 128 : rest);
      if (rest <= 127) break;
    }
    return Uint8Array.from([(field << 3) | 2, ...length, ...content]);
  };
  for (let depth = 0; depth < 1000; depth++) inner = wrap(1, wrap(5, wrap(6, inner)));
  assert.equal(refusal(wrap(7, inner)).code, 'model_unreadable');
});

test('shapes that do not go with the values are refused by tensor', () => {
  const bad = [
    { name: 'w', dims: [-1], dataType: 1, rawData: new Uint8Array(4) },
    { name: 'w', dims: [2 ** 40, 2 ** 40], dataType: 1, rawData: new Uint8Array(4) },
    { name: 'w', dims: [3], dataType: 1, rawData: new Uint8Array(13) },
    { name: 'w', dims: [3], dataType: 1, floatData: [1, 2] },
    { name: 'w', dims: [3], dataType: 7, int64Data: [1, 2] },
    { name: 'w', dims: [3], dataType: 11, doubleData: [1, 2, 3, 4] },
  ];
  for (const tensor of bad) {
    const message = {
      opsetImport: [{ version: 13 }],
      graph: { node: [{ opType: 'Identity' }], output: [{ name: 'y' }], initializer: [tensor] },
    };
    const error = refusal(ModelProto.encode(ModelProto.fromObject(message)).finish());
    assert.equal(error.code, 'model_unreadable');
    assert.match(error.message, /tensor "w"/);
  }
});

test('weights in other files are known by name and shape, and have no values yet', () => {
  const external = { faraway: { dims: [2, 3], entries: { location: '../../etc/passwd' } } };
  const { graph } = readOnnx(buildModel({ ...classifierSpec('Gemm', ['scores']), external }), 'model');
  const tensor = graph.initializers.at(-1)!;
  assert.deepEqual([tensor.name, tensor.dims, tensor.external, tensor.raw], ['faraway', [2, 3], true, undefined]);
});
