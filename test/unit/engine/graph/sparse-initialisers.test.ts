import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../../../../src/engine/backbone.js';
import { inspectBytes } from '../../../../src/engine/inspect.js';
import type { ModelSpec } from '../synthetic.js';
import { buildModel } from '../synthetic.js';
import { assertLikeOnnxRuntime, graphOf } from './graphs.js';

function spec(sparse: NonNullable<ModelSpec['sparse']>[string]): ModelSpec {
  return {
    inputs: [{ name: 'x', shape: ['N', 2, 6, 6] }],
    outputs: [{ name: 'y', shape: ['N', 3, 4, 4] }],
    nodes: [{ op: 'Conv', name: 'conv', inputs: ['x', 'w'], outputs: ['y'] }],
    sparse: { w: sparse },
  };
}

const dims = [3, 2, 3, 3];

test('positions as numbers give what ONNX Runtime computes, and count as zeros where there are none', async () => {
  const bytes = buildModel(spec({ dims, positions: [0, 7, 20, 53], values: [1, -2, 3, 4] }));
  await assertLikeOnnxRuntime(bytes, graphOf(bytes), 'y');
  assert.equal(inspectBytes(bytes, { model: 'sparse.onnx' }).sparsity, 50 / 54);
});

test('positions with an index for each axis mean the same', async () => {
  const positions = [
    [0, 0, 0, 0],
    [1, 0, 0, 2],
    [2, 1, 2, 2],
  ];
  const graph = graphOf(buildModel(spec({ dims, positions, values: [1, 2, 3] })));
  const { operation } = graph.nodes[0]!;
  assert.ok(operation.type === 'Conv');
  assert.deepEqual(
    [...operation.weights.entries()].filter(([, weight]) => weight !== 0),
    [
      [0, 1],
      [20, 2],
      [53, 3],
    ],
  );
});

const wrong: [string, Parameters<typeof spec>[0]][] = [
  ['a position outside', { dims, positions: [54], values: [1] }],
  ['a negative position', { dims, positions: [-1], values: [1] }],
  ['an index outside of its axis', { dims, positions: [[0, 2, 0, 0]], values: [1] }],
  ['fewer positions than values', { dims, positions: [1], values: [1, 2] }],
  ['a shape that a few bytes claim', { dims: [2 ** 20, 2 ** 10, 3, 3], positions: [1], values: [1] }],
];
for (const [name, sparse] of wrong) {
  test(`${name} is refused`, () => {
    assert.throws(
      () => inspectBytes(buildModel(spec(sparse)), { model: 'sparse.onnx' }),
      (error) =>
        error instanceof EngineError && error.code === 'model_unreadable' && /sparse tensor "w"/.test(error.message),
    );
  });
}
