import { bitsOf, countNonZeros, countRows, isNonZero } from './non-zeros.js';

export interface PackSparseOptions {
  /** Vectors from the step's input to a tap of the window. */
  readonly tapOffset: (inputChannel: number, kernelRow: number, kernelColumn: number) => number;
  /** Input channels of a block, at most. */
  readonly blockChannels: number;
  readonly stripes: number;
  /** `byCount`: within a stripe, filters with many non-zeros come first. */
  readonly order: 'natural' | 'byCount';
}

/** The tables of a `sparseConv` step, as src/native/plan.ts says. */
export interface PackedSparse {
  readonly blocks: number;
  readonly stripes: number;
  readonly bases: Int32Array;
  readonly starts: Int32Array;
  readonly rows: Uint16Array;
  readonly offsets: Uint16Array;
  readonly values: Float32Array;
}

/** [filters, input channels, kernel rows, kernel columns]. */
export type WeightShape = readonly [filters: number, channels: number, height: number, width: number];

/** Room behind the end for kernels that load offsets and values in groups; those of today take them one by one there. */
const readBehind = 8;
/** Offsets and counts of non-zeros are uint16. */
const mostUint16 = 2 ** 16 - 1;

/** Some taps of every filter, as positions in the filter's weights. */
interface Block {
  readonly taps: Int32Array;
  readonly base: number;
  /** Of each tap, from the base. */
  readonly offsets: Uint16Array;
}

/**
 * Lists the non-zero weights by block of input channels, stripe of filters, filter. Loops over weights touch typed arrays only: ResNet-50
 * has 25 million of them.
 */
export function packSparse(weights: Float32Array, shape: WeightShape, options: PackSparseOptions): PackedSparse {
  const [filters, channels, height, width] = shape;
  const tapCount = channels * height * width;
  const blocks = cutBlocks(shape, options);
  const counts = countRows(weights, filters);
  const boundaries = cutStripes(counts, options.stripes);
  const stripes = boundaries.length - 1;
  const nonZeros = counts.reduce((sum, count) => sum + count, 0);
  const bits = bitsOf(weights);
  const packed: PackedSparse = {
    blocks: blocks.length,
    stripes,
    bases: Int32Array.from(blocks, (block) => block.base),
    starts: new Int32Array(2 * (blocks.length * stripes + 1)),
    rows: new Uint16Array(2 * blocks.length * filters),
    offsets: new Uint16Array(nonZeros + readBehind),
    values: new Float32Array(nonZeros + readBehind),
  };
  let row = 0;
  let at = 0;
  for (const [index, block] of blocks.entries()) {
    for (let stripe = 0; stripe < stripes; stripe++) {
      packed.starts[2 * (index * stripes + stripe)] = row;
      packed.starts[2 * (index * stripes + stripe) + 1] = at;
      const [begin, end] = [boundaries[stripe]!, boundaries[stripe + 1]!];
      const order = options.order === 'byCount' ? sortByCount(bits, tapCount, block, begin, end) : undefined;
      for (let filter = begin; filter < end; filter++, row++) {
        at = packRow(bits, tapCount, block, order?.[filter - begin] ?? filter, packed, row, at);
      }
    }
  }
  packed.starts[2 * blocks.length * stripes] = row;
  packed.starts[2 * blocks.length * stripes + 1] = at;
  return packed;
}

/** @returns the position behind the last non-zero */
function packRow(
  bits: Int32Array,
  tapCount: number,
  { taps, offsets }: Block,
  filter: number,
  packed: PackedSparse,
  row: number,
  start: number,
): number {
  const first = filter * tapCount;
  const packedBits = bitsOf(packed.values);
  const packedOffsets = packed.offsets;
  let at = start;
  // A zero is written, too, and then written over.
  for (let tap = 0; tap < taps.length; tap++) {
    const weight = bits[first + taps[tap]!]!;
    packedBits[at] = weight;
    packedOffsets[at] = offsets[tap]!;
    at += isNonZero(weight);
  }
  packedBits[at] = 0;
  packedOffsets[at] = 0;
  packed.rows[2 * row] = filter;
  packed.rows[2 * row + 1] = at - start;
  return at;
}

/** Filters `begin` to `end`, those with many non-zeros in the block first. */
function sortByCount(bits: Int32Array, tapCount: number, { taps }: Block, begin: number, end: number): number[] {
  const counts = new Int32Array(end - begin);
  for (let filter = begin; filter < end; filter++) {
    const first = filter * tapCount;
    let count = 0;
    for (let tap = 0; tap < taps.length; tap++) count += isNonZero(bits[first + taps[tap]!]!);
    counts[filter - begin] = count;
  }
  const order = Array.from(counts, (_, index) => begin + index);
  return order.sort((left, right) => counts[right - begin]! - counts[left - begin]! || left - right);
}

/**
 * Where stripes of filters begin, and the end: consecutive filters with about equally many non-zeros. None is empty.
 *
 * @param counts non-zeros of each filter
 */
function cutStripes(counts: Int32Array, wanted: number): number[] {
  const filters = counts.length;
  const stripes = Math.max(1, Math.min(wanted, filters));
  const sums = new Float64Array(filters + 1);
  // A filter costs something without non-zeros, too.
  for (let filter = 0; filter < filters; filter++) sums[filter + 1] = sums[filter]! + 1 + counts[filter]!;
  const boundaries = [0];
  let filter = 0;
  for (let stripe = 1; stripe < stripes; stripe++) {
    const target = (sums[filters]! * stripe) / stripes;
    const latest = filters - (stripes - stripe);
    filter++;
    while (filter < latest && sums[filter + 1]! <= target) filter++;
    boundaries.push(filter);
  }
  boundaries.push(filters);
  return boundaries;
}

/** A box of taps. */
interface Box {
  readonly channels: readonly [begin: number, end: number];
  readonly rows: readonly [begin: number, end: number];
  readonly columns: readonly [begin: number, end: number];
}

/** Blocks of equally many channels; those whose offsets need more than 16 bits are cut again. */
function cutBlocks([, channels, height, width]: WeightShape, { tapOffset, blockChannels }: PackSparseOptions): Block[] {
  const count = Math.max(1, Math.ceil(channels / Math.max(1, blockChannels)));
  const boxes = Array.from({ length: count }, (_, index): Box => {
    const begin = Math.floor((channels * index) / count);
    return { channels: [begin, Math.floor((channels * (index + 1)) / count)], rows: [0, height], columns: [0, width] };
  });
  return boxes.flatMap((box) => fitBlocks(box, height, width, tapOffset));
}

function fitBlocks(box: Box, height: number, width: number, tapOffset: PackSparseOptions['tapOffset']): Block[] {
  const { channels, rows, columns } = box;
  const size = (channels[1] - channels[0]) * (rows[1] - rows[0]) * (columns[1] - columns[0]);
  const taps = new Int32Array(size);
  const offsets = new Int32Array(size);
  let count = 0;
  let [base, highest] = [Number.POSITIVE_INFINITY, 0];
  for (let channel = channels[0]; channel < channels[1]; channel++) {
    for (let row = rows[0]; row < rows[1]; row++) {
      for (let column = columns[0]; column < columns[1]; column++) {
        const offset = tapOffset(channel, row, column);
        taps[count] = (channel * height + row) * width + column;
        offsets[count++] = offset;
        base = Math.min(base, offset);
        highest = Math.max(highest, offset);
      }
    }
  }
  if (highest - base <= mostUint16 && size <= mostUint16) {
    return [{ taps, base, offsets: Uint16Array.from(offsets, (offset) => offset - base) }];
  }
  return cutBox(box).flatMap((part) => fitBlocks(part, height, width, tapOffset));
}

/** Kernel rows lie furthest apart, then channels. */
function cutBox(box: Box): Box[] {
  const key = (['rows', 'channels', 'columns'] as const).find((side) => box[side][1] - box[side][0] > 1)!;
  const [begin, end] = box[key];
  if (key === 'rows')
    return Array.from({ length: end - begin }, (_, row) => ({ ...box, rows: [begin + row, begin + row + 1] }));
  const middle = Math.floor((begin + end) / 2);
  return [
    { ...box, [key]: [begin, middle] },
    { ...box, [key]: [middle, end] },
  ];
}

/** The tables of a `sparseLinear` step. */
export interface PackedSparseLinear {
  readonly starts: Int32Array;
  readonly indices: Int32Array;
  readonly values: Float32Array;
}

export function packSparseLinear(weights: Float32Array, outputs: number, inputs: number): PackedSparseLinear {
  const nonZeros = countNonZeros(weights);
  const starts = new Int32Array(outputs + 1);
  const indices = new Int32Array(nonZeros);
  const values = new Float32Array(nonZeros);
  let at = 0;
  for (let output = 0; output < outputs; output++) {
    for (let input = 0; input < inputs; input++) {
      const value = weights[output * inputs + input]!;
      if (value === 0) continue;
      indices[at] = input;
      values[at++] = value;
    }
    starts[output + 1] = at;
  }
  return { starts, indices, values };
}
