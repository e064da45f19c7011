import { refuse } from '../graph/refusal.js';
import type { GraphNode, Pads, Pair } from '../graph/types.js';
import type { Dims } from './dims.js';
import { imageDims } from './dims.js';
import type { Halo, Tiling } from './tiling.js';
import { chooseTiling } from './tiling.js';

/** What a sliding window over tiles wants of its input, so that every tap is an aligned load. */
export interface TileWindow {
  /** Of the input: the output's grid, each tile `strides` times as large. */
  readonly tiling: Tiling;
  readonly halo: Halo;
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
  /** Above and left of the image: where the first tap of output pixel (0, 0) lies. */
  readonly before: Pair;
  /** The last pixel row and column that a result depends on; may lie behind the image. */
  readonly reach: Pair;
  /** What pixels outside of the image must hold. */
  readonly fill: number;
}

/** A convolution that is a matrix product: it makes one pixel of one pixel, or of a window that is the whole image. */
export function isMatrixProduct({ operation }: GraphNode, input: Dims, output: Dims): boolean {
  if (operation.type !== 'Conv' || operation.group !== 1 || input[0] !== 1 || output[2] !== 1 || output[3] !== 1) {
    return false;
  }
  return coversAll([operation.weightShape[2], operation.weightShape[3]], operation.dilations, operation.pads, input);
}

/** A pool whose only window is the whole image. */
export function isGlobalAverage({ operation }: GraphNode, input: Dims, output: Dims): boolean {
  if (operation.type === 'GlobalAveragePool') return true;
  if (operation.type !== 'AveragePool' || output[2] !== 1 || output[3] !== 1) return false;
  return coversAll(operation.kernel, operation.dilations, operation.pads, input);
}

function coversAll(kernel: Pair, dilations: Pair, pads: Pads, input: Dims): boolean {
  const whole = ([0, 1] as const).every(
    (axis) => kernel[axis] === input[2 + axis] && (dilations[axis] === 1 || kernel[axis] === 1),
  );
  return whole && pads.every((length) => length === 0);
}

/** undefined for what slides no window over tiles. @throws Refusal when input or output are no single images */
export function tileWindow(node: GraphNode, input: Dims, output: Dims, nonNegative: boolean): TileWindow | undefined {
  const { operation } = node;
  if (operation.type !== 'Conv' && operation.type !== 'MaxPool' && operation.type !== 'AveragePool') return undefined;
  if (isMatrixProduct(node, input, output) || isGlobalAverage(node, input, output)) return undefined;
  const from = imageDims(input) ?? refuse(`its input [${input.join(', ')}] is not one image`);
  const to = imageDims(output) ?? refuse(`its output [${output.join(', ')}] is not one image`);
  const kernel: Pair =
    operation.type === 'Conv' ? [operation.weightShape[2], operation.weightShape[3]] : operation.kernel;
  const { strides, dilations } = operation;
  const before: Pair = [operation.pads[0], operation.pads[1]];
  const tile = chooseTiling(to[1], to[2]);
  const behind = (axis: 0 | 1, length: number) =>
    Math.max(0, (length - 1) * strides[axis] + extent(axis) - 1 - before[axis] - (strides[axis] * length - 1));
  const extent = (axis: 0 | 1) => (kernel[axis] - 1) * dilations[axis] + 1;
  const reach = ([0, 1] as const).map((axis) => (to[1 + axis]! - 1) * strides[axis] + extent(axis) - 1 - before[axis]);
  const readsPadding = before[0] > 0 || before[1] > 0 || reach[0]! >= from[1] || reach[1]! >= from[2];
  return {
    tiling: { grid: tile.grid, rows: strides[0] * tile.rows, columns: strides[1] * tile.columns },
    halo: { top: before[0], left: before[1], bottom: behind(0, tile.rows), right: behind(1, tile.columns) },
    kernel,
    strides,
    dilations,
    before,
    reach: [reach[0]!, reach[1]!],
    // A maximum over values that are never negative may take zeros, so that the same halo serves convolutions.
    fill: operation.type === 'MaxPool' && readsPadding && !nonNegative ? Number.NEGATIVE_INFINITY : 0,
  };
}
