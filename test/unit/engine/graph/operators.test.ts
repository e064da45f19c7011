import assert from 'node:assert/strict';
import { test } from 'node:test';
import { optimise } from '../../../../src/engine/graph/optimise.js';
import type { AttributeSpec, Dimension, ModelSpec, NodeSpec } from '../synthetic.js';
import { buildModel } from '../synthetic.js';
import { assertLikeOnnxRuntime, graphOf, randomWeights } from './graphs.js';

// Each operator on its own, with its attributes, against ONNX Runtime: shapes and values.

interface Case extends Partial<ModelSpec> {
  name: string;
  nodes: NodeSpec[];
  input?: Dimension[];
}

function single(
  op: string,
  attributes: Record<string, AttributeSpec> = {},
  more: Partial<ModelSpec> & { input?: Dimension[]; extra?: string[] } = {},
): Case {
  const { extra = [], ...rest } = more;
  const settings = JSON.stringify(attributes);
  return {
    name: `${op} ${settings} opset ${more.opset ?? 13}`,
    ...rest,
    nodes: [{ op, inputs: ['x', ...extra], outputs: ['y'], attributes }],
  };
}

const pads = [1, 0, 2, 1];
const conv = (dims: number[], attributes: Record<string, AttributeSpec>, input: Dimension[] = ['N', 4, 9, 11]) =>
  single('Conv', attributes, {
    input,
    extra: ['w', 'b'],
    weights: { w: randomWeights(dims, 1), b: randomWeights([dims[0]!], 2) },
  });
const channels = { s: randomWeights([1, 4, 1, 1], 3), one: { dims: [], values: [1.5] } };
const batchNorm = {
  g: randomWeights([4], 4),
  b: randomWeights([4], 5),
  m: randomWeights([4], 6),
  v: { dims: [4], values: [0.5, 1, 2, 0.1] },
};
const matrix = { w: randomWeights([6, 3], 7), t: randomWeights([3, 6], 8), c: randomWeights([3], 9) };
/** Flattened before the operator: an image is always [batch, channels, height, width]. */
const flat: Dimension[] = ['N', 6, 1, 1];

const cases: Case[] = [
  conv([6, 4, 3, 3], {}),
  conv([6, 4, 3, 2], { strides: [2, 1], dilations: [2, 3], pads }),
  conv([8, 2, 3, 3], { group: 2, pads: [1, 1, 1, 1] }),
  conv([4, 1, 5, 3], { group: 4, strides: [2, 2] }),
  conv([5, 4, 4, 4], { auto_pad: { text: 'SAME_UPPER' }, strides: [2, 3] }),
  conv([5, 4, 4, 4], { auto_pad: { text: 'SAME_LOWER' }, strides: [1, 2] }),
  conv([5, 4, 2, 2], { auto_pad: { text: 'VALID' }, kernel_shape: [2, 2] }),
  ...[0, 1].flatMap((ceil_mode) => [
    single('MaxPool', { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode }),
    single('MaxPool', { kernel_shape: [3, 2], strides: [3, 4], ceil_mode }),
    single('AveragePool', { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 0, 0], ceil_mode }),
    single('AveragePool', { kernel_shape: [3, 3], strides: [2, 3], ceil_mode }),
    single('AveragePool', {
      kernel_shape: [4, 3],
      strides: [3, 3],
      pads: [2, 1, 1, 2],
      ceil_mode,
      count_include_pad: 1,
    }),
  ]),
  single('MaxPool', { kernel_shape: [2, 2], dilations: [2, 3] }),
  single('MaxPool', { kernel_shape: [3, 3], auto_pad: { text: 'SAME_UPPER' }, strides: [2, 2] }),
  single('AveragePool', { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 }),
  single('GlobalAveragePool'),
  single('ReduceMean', { axes: [2, 3], keepdims: 0 }),
  single('ReduceMean', { axes: [-1, -2] }),
  single('ReduceMean', {}, { opset: 18, extra: ['axes'], int64s: { axes: [2, 3] } }),
  single('Relu'),
  single('LeakyRelu', { alpha: { float: 0.1 } }),
  single('Sigmoid'),
  single('HardSigmoid', { alpha: { float: 0.7 }, beta: { float: 0.3 } }),
  single('HardSwish', {}, { opset: 14 }),
  single('Clip', { min: { float: -0.25 }, max: { float: 0.5 } }, { opset: 9 }),
  single('Clip', {}, { extra: ['', 'high'], weights: { high: { dims: [], values: [0.25] } } }),
  single('Softmax', { axis: 1 }),
  single('Softmax', { axis: 1 }, { opset: 11, input: flat }),
  single('Softmax', { axis: 1 }, { opset: 11, input: ['N', 4, 1, 1] }),
  single('Softmax', { axis: 2 }, { opset: 11, input: ['N', 4, 1, 6] }),
  single('Sum'),
  {
    name: 'Sum of two',
    opset: 7,
    nodes: [
      { op: 'Relu', inputs: ['x'], outputs: ['a'] },
      { op: 'Sum', inputs: ['a', 'x'], outputs: ['y'] },
    ],
  },
  {
    name: 'a Dropout whose mask has a name and no reader',
    opset: 9,
    nodes: [{ op: 'Dropout', inputs: ['x'], outputs: ['y', 'mask'] }],
  },
  {
    name: 'a MaxPool whose indices have a name and no reader',
    nodes: [{ op: 'MaxPool', inputs: ['x'], outputs: ['y', 'indices'], attributes: { kernel_shape: [2, 2] } }],
  },
  single('BatchNormalization', { epsilon: { float: 0.01 } }, { extra: ['g', 'b', 'm', 'v'], weights: batchNorm }),
  ...['Add', 'Sub', 'Mul', 'Div'].flatMap((op) => [
    single(op, {}, { extra: ['s'], weights: channels }),
    single(op, {}, { extra: ['one'], weights: channels }),
  ]),
  ...['Add', 'Sub', 'Mul'].map((op) => ({
    name: `${op} constant first`,
    weights: channels,
    nodes: [{ op, inputs: ['s', 'x'], outputs: ['y'] }],
  })),
  ...['Add', 'Sub', 'Mul', 'Div'].map((op) => ({
    name: `${op} of activations, repeated over the image`,
    nodes: [
      { op: 'Sigmoid', inputs: ['x'], outputs: ['p'] },
      { op: 'GlobalAveragePool', inputs: ['p'], outputs: ['q'] },
      { op, inputs: ['x', 'q'], outputs: ['y'] },
    ],
  })),
  single(
    'Gemm',
    { transB: 1, alpha: { float: 0.5 }, beta: { float: 2 } },
    { input: flat, extra: ['t', 'c'], weights: matrix },
  ),
  single('Gemm', {}, { input: flat, extra: ['w'], weights: matrix }),
  single('MatMul', {}, { input: flat, extra: ['w'], weights: matrix }),
  single('Flatten'),
  single('Reshape', {}, { extra: ['to'], int64s: { to: [0, -1, 11] } }),
  single('Reshape', {}, { extra: ['to'], int64s: { to: [-1, 396] } }),
  single('Transpose', { perm: [0, 2, 3, 1] }),
  single('Unsqueeze', { axes: [2, -1] }, { opset: 11 }),
  single('Unsqueeze', {}, { extra: ['axes'], int64s: { axes: [1] } }),
  {
    name: 'an axis put before the batch',
    int64s: { axes: [0] },
    nodes: [
      { op: 'Unsqueeze', inputs: ['x', 'axes'], outputs: ['u'] },
      { op: 'Relu', inputs: ['u'], outputs: ['y'] },
    ],
  },
  single('Squeeze', { axes: [2] }, { opset: 11, input: ['N', 4, 1, 1] }),
  single('Squeeze', {}, { input: ['N', 4, 1, 1], extra: ['axes'], int64s: { axes: [-1, 2] } }),
  single('Slice', { starts: [1, -7], ends: [3, -1], axes: [1, 3] }, { opset: 9 }),
  single(
    'Slice',
    {},
    { extra: ['from', 'to', 'axes', 'steps'], int64s: { from: [1, 0], to: [9999, 9], axes: [2, 3], steps: [2, 3] } },
  ),
  single(
    'Pad',
    {},
    { extra: ['p', 'v'], int64s: { p: [0, 0, 1, 2, 0, 0, 3, 0] }, weights: { v: { dims: [], values: [0.5] } } },
  ),
  single('Pad', { pads: [0, 0, 1, 1, 0, 0, 1, 1], value: { float: 2 } }, { opset: 9 }),
  ...['asymmetric', 'half_pixel', 'pytorch_half_pixel'].map((mode) =>
    single(
      'Resize',
      {
        mode: { text: 'nearest' },
        coordinate_transformation_mode: { text: mode },
        nearest_mode: { text: mode === 'asymmetric' ? 'floor' : 'round_prefer_floor' },
      },
      { extra: ['', 'f'], weights: { f: { dims: [4], values: [1, 1, 2, 3] } } },
    ),
  ),
  single(
    'Upsample',
    { mode: { text: 'nearest' } },
    { opset: 9, extra: ['f'], weights: { f: { dims: [4], values: [1, 1, 2, 2] } } },
  ),
  single('Identity'),
  {
    name: 'Split by lengths, joined in another order',
    int64s: { parts: [1, 3] },
    nodes: [
      { op: 'Split', inputs: ['x', 'parts'], outputs: ['a', 'b'], attributes: { axis: 1 } },
      { op: 'Concat', inputs: ['b', 'a', 'b'], outputs: ['y'], attributes: { axis: 1 } },
    ],
  },
  {
    name: 'Split in equal parts, joined below each other',
    nodes: [
      { op: 'Split', inputs: ['x'], outputs: ['a', 'b'], attributes: { axis: 1 } },
      { op: 'Concat', inputs: ['a', 'b'], outputs: ['y'], attributes: { axis: -2 } },
    ],
  },
  {
    name: 'a shape computed from the input, as exporters of view(x.size(0), -1) write it',
    int64s: { zero: [0], minus: [-1] },
    nodes: [
      { op: 'Shape', inputs: ['x'], outputs: ['shape'] },
      { op: 'Gather', inputs: ['shape', 'zero'], outputs: ['batch'] },
      { op: 'Concat', inputs: ['batch', 'minus'], outputs: ['to'], attributes: { axis: 0 } },
      { op: 'Reshape', inputs: ['x', 'to'], outputs: ['y'] },
    ],
  },
  {
    name: 'pads from the last axis to the first, turned around as PyTorch writes F.pad',
    int64s: {
      given: [1, 2, 3, 0],
      zeros: [4],
      pairs: [-1, 2],
      start: [-1],
      end: [-(2 ** 53)],
      axis: [0],
      back: [-1],
      flat: [-1],
    },
    weights: { half: { dims: [], values: [0.5] } },
    nodes: [
      { op: 'ConstantOfShape', inputs: ['zeros'], outputs: ['none'], attributes: {} },
      { op: 'Cast', inputs: ['none'], outputs: ['none64'], attributes: { to: 7 } },
      { op: 'Concat', inputs: ['given', 'none64'], outputs: ['all'], attributes: { axis: 0 } },
      { op: 'Reshape', inputs: ['all', 'pairs'], outputs: ['table'] },
      { op: 'Slice', inputs: ['table', 'start', 'end', 'axis', 'back'], outputs: ['reversed'] },
      { op: 'Transpose', inputs: ['reversed'], outputs: ['turned'], attributes: { perm: [1, 0] } },
      { op: 'Reshape', inputs: ['turned', 'flat'], outputs: ['pads'] },
      { op: 'Pad', inputs: ['x', 'pads', 'half'], outputs: ['y'] },
    ],
  },
  {
    name: 'a size of twice the input, as PyTorch writes F.interpolate',
    int64s: { two: [2], three: [3], first: [0] },
    weights: { factor: { dims: [], values: [2] } },
    nodes: [
      { op: 'Shape', inputs: ['x'], outputs: ['shape'] },
      { op: 'Gather', inputs: ['shape', 'two'], outputs: ['height'] },
      { op: 'Gather', inputs: ['shape', 'three'], outputs: ['width'] },
      { op: 'Concat', inputs: ['height', 'width'], outputs: ['size'], attributes: { axis: 0 } },
      { op: 'Cast', inputs: ['size'], outputs: ['floats'], attributes: { to: 1 } },
      { op: 'Mul', inputs: ['floats', 'factor'], outputs: ['scaled'] },
      { op: 'Floor', inputs: ['scaled'], outputs: ['whole'] },
      { op: 'Cast', inputs: ['whole'], outputs: ['target'], attributes: { to: 7 } },
      { op: 'Slice', inputs: ['shape', 'first', 'two'], outputs: ['batch'] },
      { op: 'Concat', inputs: ['batch', 'target'], outputs: ['sizes'], attributes: { axis: 0 } },
      {
        op: 'Resize',
        inputs: ['x', '', '', 'sizes'],
        outputs: ['y'],
        attributes: { coordinate_transformation_mode: { text: 'asymmetric' }, nearest_mode: { text: 'floor' } },
      },
    ],
  },
  {
    name: 'weights transposed and scaled by constants',
    input: flat,
    weights: { ...matrix, two: { dims: [], values: [2] } },
    nodes: [
      { op: 'Transpose', inputs: ['t'], outputs: ['tt'] },
      { op: 'Mul', inputs: ['tt', 'two'], outputs: ['ttt'] },
      { op: 'MatMul', inputs: ['x', 'ttt'], outputs: ['y'] },
    ],
  },
];

test('the table covers the operators', () => {
  assert.ok(cases.length >= 65, `${cases.length} cases`);
});

for (const { name, input, ...spec } of cases) {
  test(`${name} is what ONNX Runtime computes`, async () => {
    const flatten: NodeSpec[] = [{ op: 'Flatten', inputs: ['image'], outputs: ['x'] }];
    const bytes = buildModel({
      ...spec,
      nodes: input === flat ? [...flatten, ...spec.nodes] : spec.nodes,
      inputs: [{ name: input === flat ? 'image' : 'x', shape: input ?? ['N', 4, 9, 11] }],
      outputs: [{ name: 'y', shape: undefined }],
    } as ModelSpec);
    const graph = graphOf(bytes);
    await assertLikeOnnxRuntime(bytes, graph, 'y');
    await assertLikeOnnxRuntime(bytes, optimise(graph).graph, 'y');
  });
}
