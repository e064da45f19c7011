import type { Dimension, ModelSpec, NodeSpec } from '../../../bench/onnx/model-spec.js';

// Small ONNX models, built with the schema that reads them and run by ONNX Runtime, so the schema is checked from outside too.

export type { AttributeSpec, Dimension, ModelSpec, NodeSpec } from '../../../bench/onnx/model-spec.js';
export { buildModel } from '../../../bench/onnx/write-model.js';

/**
 * image [N,3,size,size] -> 1x1 convolution to 4 channels -> global average (`pooled` [N,4,1,1]) -> Flatten (`flat` [N,4]) -> classifier
 * with 5 classes (`scores`), as exporters write it. Outputs are left to the caller.
 */
export function classifierSpec(
  tail: 'Gemm' | 'MatMul' | 'MatMulAdd',
  outputs: string[],
  batch: Dimension = 'N',
): ModelSpec {
  const classifier: NodeSpec[] =
    tail === 'Gemm'
      ? [{ op: 'Gemm', name: 'fc', inputs: ['flat', 'w', 'b'], outputs: ['scores'] }]
      : tail === 'MatMul'
        ? [{ op: 'MatMul', name: 'fc', inputs: ['flat', 'w'], outputs: ['scores'] }]
        : [
            { op: 'MatMul', name: 'fc', inputs: ['flat', 'w'], outputs: ['product'] },
            { op: 'Add', inputs: ['b', 'product'], outputs: ['scores'] },
          ];
  return {
    inputs: [{ name: 'image', shape: [batch, 3, 8, 8] }],
    outputs: outputs.map((name) => ({
      name,
      shape: name === 'pooled' ? [batch, 4, 1, 1] : [batch, name === 'flat' ? 4 : 5],
    })),
    nodes: [
      { op: 'Conv', name: 'conv', inputs: ['image', 'filters'], outputs: ['maps'] },
      { op: 'GlobalAveragePool', inputs: ['maps'], outputs: ['pooled'] },
      { op: 'Flatten', inputs: ['pooled'], outputs: ['flat'], attributes: { axis: 1 } },
      ...classifier,
      { op: 'Softmax', inputs: ['scores'], outputs: ['probabilities'], attributes: { axis: 1 } },
    ],
    weights: {
      filters: { dims: [4, 3, 1, 1], values: [1, 0, 0, 0, 1, 0, 0, 0, 1, 0.5, 0.25, -0.5] },
      w: { dims: [4, 5], values: Array.from({ length: 20 }, (_, i) => i / 20) },
      b: { dims: [5], values: [1, 2, 3, 4, 5] },
    },
    valueInfo: [
      { name: 'maps', shape: [batch, 4, 8, 8] },
      { name: 'scores', shape: [batch, 5] },
    ],
  };
}
