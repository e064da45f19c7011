// What plans made by hand are put together from.
import type { Activation, Constants, Plan, Step, View } from '../../../src/native/index.js';
import { lanes } from '../../../src/native/index.js';

export const none: Activation = { kind: 'none' };
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
export class Layout {
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
export function shifted(view: View, by: number): View {
  return { ...view, offset: view.offset - by * view.rowPitch - by };
}

/** Input channels and kernel rows of a block of a sparse convolution: [begin, end). */
interface Block {
  readonly channels: readonly [number, number];
  readonly rows: readonly [number, number];
}

export function twoBlocks({ channels }: View): Block[] {
  const half = Math.ceil(channels / 2);
  return [
    { channels: [0, half], rows: [0, 3] },
    { channels: [half, channels], rows: [0, 3] },
  ];
}

/** As packing cuts where offsets would take more than 16 bits. */
export function blockOfEachRow({ channels }: View): Block[] {
  return Array.from({ length: 3 * channels }, (_, i) => {
    const [channel, row] = [Math.floor(i / 3), i % 3];
    return { channels: [channel, channel + 1], rows: [row, row + 1] };
  });
}

/** Packed as SparseConvStep says, with a window of 3 x 3 and in two stripes of filters; every third weight is zero. */
export function sparseConv(
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
