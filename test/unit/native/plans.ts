// Plans made by hand, small enough to be read: one with every kind of step, and a heavy one to keep threads busy.
import type { Activation, Constants, Plan, Step, View } from '../../../src/native/index.js';
import { lanes } from '../../../src/native/index.js';

const none: Activation = { kind: 'none' };
export const normalise = Float32Array.from({ length: 3 * 256 }, (_, i) => ((i % 256) - 128) / (64 + 20 * (i >> 8)));

/** Repeatable numbers from -1 to 1. */
export function numbers(count: number, seed = 1): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

export function pixels(count: number, { input }: Plan, seed = 1): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(numbers(count * input.height * input.width * 3, seed), (value) => 127 * value + 128);
}

/** The values that the addon makes of the first image of `bytes`, with channels in the order of the bytes. */
export function normalised(bytes: Uint8Array, { input }: Plan): Float32Array {
  const size = input.height * input.width;
  return Float32Array.from(
    { length: 3 * size },
    (_, at) => normalise[Math.floor(at / size) * 256 + bytes[(at % size) * 3 + Math.floor(at / size)]!]!,
  );
}

/** Lays constants and arena out, one behind the other. */
class Layout {
  #constants: Uint8Array[] = [];
  #constantBytes = 0;
  vectors = 0;

  constants(values: Float32Array | Int32Array | Uint16Array): Constants {
    const offset = this.#constantBytes;
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const padding = new Uint8Array(-bytes.length & 63);
    this.#constants.push(bytes, padding);
    this.#constantBytes += bytes.length + padding.length;
    return { offset, bytes: bytes.length };
  }

  /** From -most to most. */
  floats(count: number, most = 1): Constants {
    return this.constants(numbers(count, count).map((value) => most * value));
  }

  /** A tensor of tiles with `halo` vectors all around. */
  view(channels: number, rows: number, columns: number, halo = 0): View {
    const channelPitch = columns + 2 * halo;
    const rowPitch = channels * channelPitch;
    const offset = this.vectors + halo * rowPitch + halo;
    this.vectors += (rows + 2 * halo) * rowPitch;
    return { offset, rowPitch, channelPitch, channels, rows, columns };
  }

  /** @returns the offset in floats */
  plain(length: number): number {
    const offset = this.vectors * lanes;
    this.vectors += Math.ceil(length / lanes);
    return offset;
  }

  /** To be called last. */
  plan(size: number, steps: readonly Step[], output: Plan['output']): Plan {
    const constants = Buffer.concat(this.#constants);
    // A copy: buffers of Node's pool are not aligned.
    return {
      input: { channels: 3, height: size, width: size },
      steps,
      arenaVectors: this.vectors,
      constants: Uint8Array.from(constants),
      output,
    };
  }
}

/** The first tap of a window that reaches `by` vectors over the edge. */
function shifted(view: View, by: number): View {
  return { ...view, offset: view.offset - by * view.rowPitch - by };
}

/** Input channels and kernel rows of a block of a sparse convolution: [begin, end). */
interface Block {
  readonly channels: readonly [number, number];
  readonly rows: readonly [number, number];
}

function twoBlocks({ channels }: View): Block[] {
  const half = Math.ceil(channels / 2);
  return [
    { channels: [0, half], rows: [0, 3] },
    { channels: [half, channels], rows: [0, 3] },
  ];
}

/** As packing cuts where offsets would take more than 16 bits. */
function blockOfEachRow({ channels }: View): Block[] {
  return Array.from({ length: 3 * channels }, (_, i) => {
    const [channel, row] = [Math.floor(i / 3), i % 3];
    return { channels: [channel, channel + 1], rows: [row, row + 1] };
  });
}

/** Packed as SparseConvStep says, with a window of 3 x 3 and in two stripes of filters; every third weight is zero. */
function sparseConv(
  layout: Layout,
  input: View,
  output: View,
  residual: View | undefined,
  blocks: readonly Block[] = twoBlocks(input),
): Step {
  const weights = numbers(output.channels * input.channels * 9, 9);
  const stripes = [0, Math.ceil(output.channels / 2), output.channels];
  const [starts, rows, offsets, values]: [number[], number[], number[], number[]] = [[], [], [], []];
  for (const block of blocks) {
    for (let filter = 0; filter < output.channels; filter++) {
      if (stripes.indexOf(filter) >= 0) starts.push(rows.length / 2, values.length);
      let count = 0;
      for (let channel = block.channels[0]; channel < block.channels[1]; channel++) {
        for (let tap = 3 * block.rows[0]; tap < 3 * block.rows[1]; tap++) {
          if ((filter + channel + tap) % 3 === 0) continue;
          const inBlock = (channel - block.channels[0]) * input.channelPitch;
          offsets.push(inBlock + (Math.floor(tap / 3) - block.rows[0]) * input.rowPitch + (tap % 3));
          values.push(weights[(filter * input.channels + channel) * 9 + tap]!);
          count++;
        }
      }
      rows.push(filter, count);
    }
  }
  starts.push(rows.length / 2, values.length);
  const tail = new Array<number>(8).fill(0);
  return {
    kind: 'sparseConv',
    input: shifted(input, 1),
    output,
    residual,
    strides: [1, 1],
    activation: { kind: 'relu' },
    blocks: blocks.length,
    stripes: 2,
    parts: Math.ceil(output.columns / 7),
    bias: layout.floats(output.channels),
    bases: layout.constants(
      Int32Array.from(blocks, ({ channels, rows }) => channels[0] * input.channelPitch + rows[0] * input.rowPitch),
    ),
    starts: layout.constants(Int32Array.from(starts)),
    rows: layout.constants(Uint16Array.from(rows)),
    offsets: layout.constants(Uint16Array.from([...offsets, ...tail])),
    values: layout.constants(Float32Array.from([...values, ...tail])),
  };
}

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
