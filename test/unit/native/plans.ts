// Plans made by hand, small enough to be read: one with every kind of step, and a heavy one to keep threads busy.
import type { Plan, Step, View } from '../../../src/native/index.js';
import { lanes } from '../../../src/native/index.js';
import { blockOfEachRow, Layout, none, shifted, sparseConv } from './plan-layout.js';

export { normalise, normalised, numbers, pixels } from './plan-layout.js';

/** Every kind of step once or more, over an image of 3 x 8 x 8 in 4 x 4 tiles; the embedding is 40 floats. */
export function everyStep(): Plan {
  const layout = new Layout();
  const grid = { rows: 4, columns: 4 };
  const image = layout.view(3, 2, 2, 1);
  const sparse = layout.view(6, 2, 2);
  const dense = layout.view(6, 2, 2);
  const depthwise = layout.view(3, 2, 2);
  const [largest, average, turned] = [layout.view(3, 1, 1), layout.view(3, 2, 2), layout.view(3, 2, 2)];
  const again = layout.view(6, 2, 2);
  const means = layout.plain(6);
  const plain = layout.plain(6 * 64);
  const copied = layout.plain(6 * 64);
  const scaled = layout.plain(6 * 64);
  const summed = layout.plain(40);
  const joined = layout.plain(40 + 3 * 16);
  const hidden = layout.plain(20);
  const embedding = layout.plain(40);
  // Vectors of winogradInput: [row][channel][point].
  const points = layout.plain(4 * 3 * 6 * lanes) / lanes;
  const window = { kernel: [3, 3], strides: [1, 1], dilations: [1, 1] } as const;
  const reversed = Int32Array.from([...Array.from({ length: lanes }, (_, i) => 15 - i), ...new Array(lanes).fill(-1)]);
  reversed[lanes + 3] = 7;

  const steps: Step[] = [
    { kind: 'input', output: image, grid, halo: { top: 1, left: 1, bottom: 1, right: 1 } },
    sparseConv(layout, image, sparse, undefined),
    {
      kind: 'denseConv',
      input: shifted(image, 1),
      output: dense,
      residual: sparse,
      ...window,
      activation: { kind: 'silu' },
      weights: layout.floats(8 * 3 * 9),
      bias: layout.floats(8),
    },
    {
      kind: 'winogradInput',
      input: { ...shifted(image, 1), rows: 4, columns: 4 },
      phases: 1,
      groups: 1,
      points: 6,
      output: points,
      transform: layout.floats(36, 0.25),
    },
    {
      kind: 'winogradConv',
      input: points,
      channels: 3,
      output: dense,
      residual: dense,
      activation: { kind: 'clip', min: -2, max: 2 },
      strideRows: 1,
      kernelRows: 3,
      groups: 1,
      points: 6,
      weights: layout.floats(8 * 6 * 3 * 3, 0.25),
      bias: layout.floats(8),
      transform: layout.floats(4 * 6, 0.25),
    },
    {
      kind: 'depthwise',
      input: shifted(image, 1),
      output: depthwise,
      ...window,
      activation: { kind: 'clip', min: -0.5, max: 0.75 },
      weights: layout.floats(3 * 9),
      bias: layout.floats(3),
    },
    {
      kind: 'pool',
      mode: 'max',
      input: shifted(image, 1),
      output: largest,
      ...window,
      strides: [2, 2],
      scale: undefined,
    },
    {
      kind: 'pool',
      mode: 'average',
      input: shifted(image, 1),
      output: average,
      ...window,
      scale: layout.floats(2 * 2 * lanes),
    },
    { kind: 'pointwise', input: dense, output: dense, scale: layout.floats(6), shift: undefined, activation: none },
    {
      kind: 'shuffle',
      input: average,
      output: turned,
      fill: 0.25,
      entries: layout.constants(Int32Array.from([0, 0, 1, 1, 1, 1, 6, 0, 2, 7, 0, 0])),
      terms: layout.constants(Int32Array.from([7, 0, 1, 1])),
      permutations: layout.constants(reversed),
    },
    { kind: 'binary', operator: 'Mul', left: depthwise, right: turned, output: depthwise, activation: none },
    { kind: 'globalAverage', input: dense, output: means, masks: layout.constants(masks(4)), pixels: 64 },
    {
      kind: 'binary',
      operator: 'Sub',
      left: dense,
      right: means,
      output: dense,
      activation: { kind: 'leakyRelu', slope: 0.1 },
    },
    { kind: 'toPlain', input: dense, grid, height: 8, width: 8, output: plain },
    { kind: 'fromPlain', input: plain, height: 8, width: 8, output: again, grid },
    { kind: 'binary', operator: 'Add', left: again, right: sparse, output: again, activation: none },
    { kind: 'toPlain', input: again, grid, height: 8, width: 8, output: plain },
    {
      kind: 'plainCopy',
      input: plain,
      output: copied,
      dims: [6, 8, 8],
      inputStrides: [64, 1, 8],
      outputStrides: [64, 8, 1],
    },
    {
      kind: 'plainPointwise',
      input: copied,
      output: scaled,
      channels: 6,
      inner: 64,
      scale: layout.floats(6),
      shift: layout.floats(6),
      activation: { kind: 'hardSigmoid', alpha: 0.2, beta: 0.5 },
    },
    {
      kind: 'plainBinary',
      operator: 'Mul',
      left: scaled,
      right: plain + 5,
      output: summed,
      dims: [5, 8],
      leftStrides: [64, 8],
      rightStrides: [0, 1],
      activation: { kind: 'sigmoid' },
    },
    { kind: 'plainFill', output: joined, count: 40 + 3 * 16, value: -0.125 },
    { kind: 'softmax', input: summed, output: joined, outer: 5, length: 4, inner: 2 },
    { kind: 'toPlain', input: largest, grid, height: 4, width: 4, output: joined + 40 },
    {
      kind: 'denseLinear',
      input: joined,
      output: hidden,
      inputs: 88,
      outputs: 20,
      activation: { kind: 'hardSwish' },
      weights: layout.floats(32 * 88),
      bias: layout.floats(32),
    },
    {
      kind: 'sparseLinear',
      input: hidden,
      output: embedding,
      inputs: 20,
      outputs: 40,
      activation: none,
      starts: layout.constants(Int32Array.from({ length: 41 }, (_, i) => 2 * i)),
      indices: layout.constants(Int32Array.from({ length: 80 }, (_, i) => (i * 7) % 20)),
      values: layout.floats(80),
      bias: layout.floats(40),
    },
  ];
  return layout.plan(8, steps, { offset: embedding, length: 40 });
}

function masks(count: number): Int32Array {
  return new Int32Array(count).fill(0xffff);
}

/** Several milliseconds of dense and sparse convolutions over 3 x 32 x 32, the embedding being 16 means. */
export function heavy(layers = 12): Plan {
  const layout = new Layout();
  const grid = { rows: 4, columns: 4 };
  const image = layout.view(3, 8, 8, 1);
  const [a, b] = [layout.view(32, 8, 8, 1), layout.view(32, 8, 8, 1)];
  const mean = layout.plain(32);
  const conv = (input: View, output: View): Step => ({
    kind: 'denseConv',
    input: shifted(input, 1),
    output,
    residual: undefined,
    strides: [1, 1],
    kernel: [3, 3],
    dilations: [1, 1],
    activation: { kind: 'clip', min: -1, max: 1 },
    weights: layout.floats(output.channels * input.channels * 9),
    bias: layout.floats(output.channels),
  });
  const steps: Step[] = [
    { kind: 'input', output: image, grid, halo: { top: 1, left: 1, bottom: 1, right: 1 } },
    conv(image, a),
  ];
  for (let i = 0; i < layers; i++) {
    const [from, to] = i % 2 === 0 ? [a, b] : [b, a];
    steps.push(i % 3 === 2 ? sparseConv(layout, from, to, undefined) : conv(from, to));
  }
  const last = layers % 2 === 0 ? a : b;
  steps.push({
    kind: 'globalAverage',
    input: last,
    output: mean,
    pixels: 32 * 32,
    masks: layout.constants(masks(64)),
  });
  return layout.plan(32, steps, { offset: mean, length: 32 });
}

/** Only lays the image out and back: what is left is what a run costs. */
export function nearlyEmpty(): Plan {
  const layout = new Layout();
  const grid = { rows: 4, columns: 4 };
  const image = layout.view(3, 2, 2);
  const output = layout.plain(3 * 64);
  const steps: Step[] = [
    { kind: 'input', output: image, grid, halo: { top: 0, left: 0, bottom: 0, right: 0 } },
    { kind: 'toPlain', input: image, grid, height: 8, width: 8, output },
  ];
  return layout.plan(8, steps, { offset: output, length: 3 * 64 });
}

/** A sparse convolution with more blocks than input channels. */
export function manyBlocks(): Plan {
  const layout = new Layout();
  const grid = { rows: 4, columns: 4 };
  const image = layout.view(3, 2, 2, 1);
  const convolved = layout.view(4, 2, 2);
  const output = layout.plain(4 * 64);
  const steps: Step[] = [
    { kind: 'input', output: image, grid, halo: { top: 1, left: 1, bottom: 1, right: 1 } },
    sparseConv(layout, image, convolved, undefined, blockOfEachRow(image)),
    { kind: 'toPlain', input: convolved, grid, height: 8, width: 8, output },
  ];
  return layout.plan(8, steps, { offset: output, length: 4 * 64 });
}

/** Of an image of one pixel, for very many of them. */
export function onePixel(): Plan {
  const layout = new Layout();
  const grid = { rows: 1, columns: 1 };
  const image = layout.view(3, 1, 1);
  const output = layout.plain(3);
  const steps: Step[] = [
    { kind: 'input', output: image, grid, halo: { top: 0, left: 0, bottom: 0, right: 0 } },
    { kind: 'toPlain', input: image, grid, height: 1, width: 1, output },
  ];
  return layout.plan(1, steps, { offset: output, length: 3 });
}
