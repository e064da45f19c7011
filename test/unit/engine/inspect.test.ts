import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../../../src/engine/backbone.js';
import { inspectBytes, inspectModel } from '../../../src/engine/inspect.js';
import { tinyModel } from './fixtures.js';
import { buildModel, classifierSpec } from './synthetic.js';

test('facts of a small classifier, counted by hand', () => {
  const report = inspectBytes(buildModel(classifierSpec('Gemm', ['scores'])), {
    model: 'small.onnx',
    output: 'scores',
  });
  assert.deepEqual(report.unsupported, []);
  const { layers, totals, dimensions } = report.graph!;
  assert.equal(dimensions, 5);
  const conv = layers[0]!;
  assert.equal(conv.operation, 'Conv 1x1');
  assert.deepEqual(conv.inputShape, ['N', 3, 8, 8]);
  assert.deepEqual(conv.outputShape, ['N', 4, 8, 8]);
  assert.equal(conv.activationBytes, 4 * 4 * 64);
  // Filters of 3 weights: (1 0 0), (0 1 0), (0 0 1), (.5 .25 -.5).
  assert.deepEqual(conv.weights, {
    weights: 12,
    nonZeros: 6,
    sparsity: 0.5,
    filters: 4,
    zeroFilters: 0,
    removedFilters: 0,
    multiplyAdds: 12 * 64,
    usefulMultiplyAdds: 6 * 64,
  });
  // The matrix of 20 weights holds one zero.
  assert.equal(totals.weights, 32);
  assert.equal(totals.zeros, 7);
  assert.equal(totals.multiplyAdds, 12 * 64 + 20);
  assert.equal(totals.usefulMultiplyAdds, 6 * 64 + 19);
});

test('a filter that goes counts in the file and no more in the arithmetic', () => {
  const spec = classifierSpec('Gemm', ['scores']);
  spec.weights!.filters!.values.fill(0, 3, 6);
  const { totals, layers } = inspectBytes(buildModel(spec), { model: 'small.onnx', output: 'scores' }).graph!;
  assert.equal(totals.zeroFilters, 1);
  assert.equal(totals.removedFilters, 1);
  assert.deepEqual(layers[0]!.outputShape, ['N', 3, 8, 8]);
  assert.equal(totals.usefulMultiplyAdds, 5 * 64 + 14, 'the matrix loses the five weights of that channel');
});

test('the tiny model: the figures of its description', async () => {
  const { graph, sparsity, embedding } = await inspectModel({ model: tinyModel });
  assert.equal(embedding.tensor, 'features');
  assert.equal(graph!.dimensions, 256);
  assert.equal(graph!.totals.weights, 2_771_808);
  assert.ok(Math.abs(graph!.totals.sparsity - 0.9) < 0.001);
  assert.ok(Math.abs(graph!.totals.sparsity - sparsity) < 1e-9, 'the same sparsity as the service reports');
  // Where the second stage begins: its input, 32 channels in 16 tiles of 12 x 12 pixels with a halo of one, and what both branches make of it,
  // 64 channels in tiles of 6 x 6.
  const plan = graph!.plan!;
  const values = 64 * (32 * 14 * 14 + 2 * 64 * 8 * 8);
  assert.ok(
    plan.aliveBytes >= values && plan.aliveBytes < 1.1 * values,
    `${plan.aliveBytes}, and ${values} without gaps`,
  );
  assert.ok(plan.arenaBytes >= plan.aliveBytes);
});

test('the size of the image is asked for where the file leaves it open', () => {
  const spec = classifierSpec('Gemm', ['scores']);
  spec.inputs = [{ name: 'image', shape: ['N', 3, 'height', 'width'] }];
  const bytes = buildModel(spec);
  assert.match(inspectBytes(bytes, { model: 'open.onnx' }).unsupported[0]!.reason, /height/);
  const { graph } = inspectBytes(bytes, { model: 'open.onnx', size: 16 });
  assert.deepEqual(graph!.inputShape, ['N', 3, 16, 16]);
});

test('a missing file and an unknown output are EngineErrors that say what to do', async () => {
  const code = (expected: string) => (error: unknown) => error instanceof EngineError && error.code === expected;
  await assert.rejects(inspectModel({ model: '/nowhere/model.onnx' }), code('model_unreadable'));
  await assert.rejects(inspectModel({ model: tinyModel, output: 'featurs' }), code('output_unknown'));
});
