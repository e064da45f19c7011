import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { optimise } from '../../../../src/engine/graph/optimise.js';
import { sharedModel, tinyModel } from '../fixtures.js';
import { assertLikeOnnxRuntime, graphOf, nodeTypes } from './graphs.js';

const full = process.env.HEADWATER_TEST_FULL === '1';

test('the optimised tiny model computes what ONNX Runtime does, in half of the operations', async () => {
  const bytes = readFileSync(tinyModel);
  const { graph, applied } = optimise(graphOf(bytes));
  await assertLikeOnnxRuntime(bytes, graph, 'features', 1);
  assert.equal(nodeTypes(graph).filter((type) => type === 'Conv').length, 18);
  assert.equal(graph.nodes.length, 19);
  assert.equal(applied.find(({ name }) => name === 'fuseResiduals')!.changes, 7);
});

test('cut at an inner tensor, the tiny model has that as its output', async () => {
  const bytes = readFileSync(tinyModel);
  const { graph } = optimise(graphOf(bytes, '/l2/l2.0/Add_output_0'));
  assert.deepEqual(graph.nodes.at(-1)!.shape, ['N', 64, 24, 24]);
  assert.equal(nodeTypes(graph).filter((type) => type === 'Conv').length, 6);
});

// [file, operations left, slow]: the plain loops of the interpreter take some 20 s for the dense ResNet.
const shared: [string, number, boolean][] = [
  ['mobilenetv1_1.0_224.onnx', 29, true],
  ['mobilenetv1_pruned75.onnx', 29, false],
  ['squeezenet_deepcompression_pruned.onnx', 38, true],
  ['resnet50v2_stage1to3_backbone.onnx', 61, true],
];

for (const [name, operations, slow] of shared) {
  const file = sharedModel(name);
  const absent = existsSync(file) ? false : `${file} is not here`;

  test(`${name} becomes ${operations} operations`, { skip: absent }, () => {
    const { graph } = optimise(graphOf(readFileSync(file)));
    assert.equal(graph.nodes.length, operations);
  });

  const skip = absent || (slow && !full ? 'seconds of plain loops: HEADWATER_TEST_FULL=1 runs it' : false);
  test(`${name} computes what ONNX Runtime does`, { skip }, async () => {
    const bytes = readFileSync(file);
    await assertLikeOnnxRuntime(bytes, optimise(graphOf(bytes)).graph, 'features', 1);
  });
}
