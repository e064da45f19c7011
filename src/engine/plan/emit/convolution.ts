import { lanes } from '../../../native/index.js';
import type { Convolution, GraphNode, Pair } from '../../graph/types.js';
import type { Tiles } from '../arena.js';
import { channelsOfTiles, plainRegion } from '../arena.js';
import { chooseConvolution, chooseWinograd } from '../choose-kernel.js';
import type { Emitted, Emitter } from '../emitter.js';
import { stepActivation } from '../emitter.js';
import { countNonZeros } from '../non-zeros.js';
import { packDense, packDenseBias } from '../pack-dense.js';
import type { WeightShape } from '../pack-sparse.js';
import { packSparse } from '../pack-sparse.js';
import { partsOf } from '../tiling.js';
import type { Tuning } from '../tuning.js';
import type { WindowInput } from '../window-inputs.js';
import { isMatrixProduct } from '../windows.js';
import type { WinogradShape } from '../winograd.js';
import { packWinograd, winogradTables } from '../winograd.js';
import { emitMatrixProduct } from './linear.js';

export function emitConvolution(emitter: Emitter, node: GraphNode, operation: Convolution): Emitted {
  const [input, output] = [emitter.dimsOf(node.inputs[0]!), emitter.dimsOf(node.output)];
  if (isMatrixProduct(node, input, output)) return emitMatrixProduct(emitter, node, operation, node.inputs[1]);
  const window = emitter.window(node);
  const residual = operation.residual ? emitter.tiles(node.inputs[1]!) : undefined;
  const target = emitter.newTiles(node.output);
  const winograd = chooseWinograd(operation, window.strides, target.columns, emitter.tuning);
  const { kernel, reason } = chooseConvolution(operation, winograd?.gain ?? 1, emitter.tuning);
  if (kernel === 'depthwise') {
    emitDepthwise(emitter, operation, window, target);
    if (residual !== undefined) addResidual(emitter, operation, target, residual);
  } else {
    for (const part of groupsOf(operation, window, target, residual)) {
      if (kernel === 'sparse') emitSparse(emitter, operation, part);
      else if (winograd === undefined) emitDense(emitter, operation, part);
      else emitWinograd(emitter, operation, part, winograd);
    }
  }
  const how = kernel === 'dense' && winograd !== undefined ? 'dense, Winograd' : kernel;
  return { kernel: `${how} ${describeWindow(operation)}`, reason };
}

/** One group of a convolution. */
interface Group {
  readonly weights: Float32Array;
  readonly shape: WeightShape;
  readonly bias: Float32Array;
  readonly input: Tiles;
  readonly strides: Pair;
  readonly output: Tiles;
  readonly residual: Tiles | undefined;
}

function groupsOf(
  { weights, weightShape, bias, group }: Convolution,
  { input, strides }: WindowInput,
  output: Tiles,
  residual: Tiles | undefined,
): Group[] {
  const [filters, channels, height, width] = weightShape;
  const each = filters / group;
  const length = weights.length / group;
  return Array.from({ length: group }, (_, index) => ({
    weights: weights.subarray(index * length, (index + 1) * length),
    shape: [each, channels, height, width],
    bias: bias.subarray(index * each, (index + 1) * each),
    input: channelsOfTiles(input, index * channels, channels),
    strides,
    output: channelsOfTiles(output, index * each, each),
    residual: residual && channelsOfTiles(residual, index * each, each),
  }));
}

function emitSparse({ constants, steps, tuning }: Emitter, operation: Convolution, group: Group): void {
  const { weights, shape, bias, input, output, residual, strides } = group;
  const { rowPitch, channelPitch } = input;
  const [down, across] = operation.dilations;
  const parts = cutColumns(weights, shape, output.columns, tuning);
  const packed = packSparse(weights, shape, {
    tapOffset: (channel, row, column) => channel * channelPitch + row * down * rowPitch + column * across,
    blockChannels: blockChannels(shape, strides, Math.ceil(output.columns / parts), tuning),
    stripes: Math.min(tuning.mostStripes, Math.ceil(shape[0] / tuning.filtersPerStripe)),
    order: output.rows * output.columns <= tuning.sortRowsUpTo ? 'byCount' : 'natural',
  });
  const tables = {
    bias: constants.add(bias),
    bases: constants.add(packed.bases),
    starts: constants.add(packed.starts),
    rows: constants.add(packed.rows),
    offsets: constants.add(packed.offsets),
    values: constants.add(packed.values),
  };
  const activation = stepActivation(operation.activation);
  steps.emit((at) => ({
    kind: 'sparseConv',
    input: at.view(input),
    output: at.view(output),
    residual: residual && at.view(residual),
    strides,
    activation,
    blocks: packed.blocks,
    stripes: packed.stripes,
    parts,
    ...tables,
  }));
}

/** Into how many parts a row of so many columns is cut. */
function cutColumns(weights: Float32Array, shape: WeightShape, columns: number, tuning: Tuning): number {
  const few = partsOf(columns);
  const channels = shape[1];
  if (!isPointwise(shape) || channels * Math.ceil(columns / few) <= tuning.l1PointwiseVectors) return few;
  const listBytes = 6 * countNonZeros(weights);
  return listBytes <= tuning.fewColumnsUpToBytes ? partsOf(columns, tuning.fewColumns) : few;
}

function isPointwise([, , height, width]: WeightShape): boolean {
  return height === 1 && width === 1;
}

/** So many that what a row part reads of them stays in the L1 cache while all filters go over it. */
function blockChannels(shape: WeightShape, [, stride]: Pair, columns: number, tuning: Tuning): number {
  const [, , height, width] = shape;
  const touched = height * Math.min((columns - 1) * stride + width, columns * width);
  const vectors = isPointwise(shape) ? tuning.l1PointwiseVectors : tuning.l1Vectors;
  return Math.max(tuning.leastBlockChannels, Math.floor(vectors / touched));
}

function emitDense({ constants, steps }: Emitter, operation: Convolution, group: Group): void {
  const { weights, shape, bias, input, output, residual, strides } = group;
  const tables = { weights: constants.add(packDense(weights, shape[0])), bias: constants.add(packDenseBias(bias)) };
  const activation = stepActivation(operation.activation);
  steps.emit((at) => ({
    kind: 'denseConv',
    input: at.view(input),
    output: at.view(output),
    residual: residual && at.view(residual),
    strides,
    kernel: [shape[2], shape[3]],
    dilations: operation.dilations,
    activation,
    ...tables,
  }));
}

/** Its input is read once for all filters, and then many times: it is worth laying out anew. */
function emitWinograd(
  { constants, steps }: Emitter,
  operation: Convolution,
  group: Group,
  winograd: WinogradShape,
): void {
  const { weights, shape, bias, input, output, residual, strides } = group;
  const [, , height, width] = shape;
  const tables = winogradTables(winograd.taps);
  const { points } = tables;
  const { phases, groups } = winograd;
  const channels = input.channels * phases;
  const reached = {
    ...input,
    rows: (output.rows - 1) * strides[0] + height,
    columns: (output.columns - 1) * strides[1] + width,
  };
  const region = plainRegion(lanes * reached.rows * channels * points * groups);
  const inputTransform = constants.share(tables.input);
  steps.emit((at) => ({
    kind: 'winogradInput',
    input: at.view(reached),
    output: at.plain(region) / lanes,
    phases,
    groups,
    points,
    transform: inputTransform,
  }));
  const stored = {
    weights: constants.add(packWinograd(weights, shape, winograd, tables)),
    bias: constants.add(packDenseBias(bias)),
    transform: constants.share(tables.output),
  };
  const activation = stepActivation(operation.activation);
  steps.emit((at) => ({
    kind: 'winogradConv',
    input: at.plain(region) / lanes,
    channels,
    output: at.view(output),
    residual: residual && at.view(residual),
    activation,
    strideRows: strides[0],
    kernelRows: height,
    groups,
    points,
    ...stored,
  }));
}

/** With several filters a channel, one step for the first filters of all channels, one for the second ones, ... */
function emitDepthwise(emitter: Emitter, operation: Convolution, window: WindowInput, output: Tiles): void {
  const { constants, steps } = emitter;
  const { weightShape, group, dilations, bias, weights } = operation;
  const [filters, , height, width] = weightShape;
  const each = filters / group;
  // The residual comes first, in a step of its own.
  const activation = stepActivation(operation.residual ? undefined : operation.activation);
  const area = height * width;
  for (let nth = 0; nth < each; nth++) {
    const picked = new Float32Array(group * area);
    for (let channel = 0; channel < group; channel++) {
      const from = (channel * each + nth) * area;
      picked.set(weights.subarray(from, from + area), channel * area);
    }
    const tables = {
      weights: constants.add(picked),
      bias: constants.add(Float32Array.from({ length: group }, (_, channel) => bias[channel * each + nth]!)),
    };
    const target = channelsOfTiles(output, nth, group, each);
    steps.emit((at) => ({
      kind: 'depthwise',
      input: at.view(window.input),
      output: at.view(target),
      strides: window.strides,
      kernel: [height, width],
      dilations,
      activation,
      ...tables,
    }));
  }
}

function addResidual({ steps }: Emitter, operation: Convolution, output: Tiles, residual: Tiles): void {
  const activation = stepActivation(operation.activation);
  steps.emit((at) => ({
    kind: 'binary',
    operator: 'Add',
    left: at.view(output),
    right: at.view(residual),
    output: at.view(output),
    activation,
  }));
}

/** `3x3/2`: the stride is left out when it is 1. */
function describeWindow({ weightShape, strides, group }: Convolution): string {
  const [down, across] = strides;
  const stride = down !== across ? `/${down}x${across}` : down === 1 ? '' : `/${down}`;
  const groups = group > 1 && weightShape[1] > 1 ? `, ${group} groups` : '';
  return `${weightShape[2]}x${weightShape[3]}${stride}${groups}`;
}
