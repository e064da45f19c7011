import type { GraphNode, Pads, Pair } from '../../graph/types.js';
import type { Tiles } from '../arena.js';
import { channelsOfTiles } from '../arena.js';
import { imageDims } from '../dims.js';
import { isChannelView } from '../homes.js';
import type { Lowered, Lowering } from '../lowering.js';
import { shuffleTable, within } from '../shuffle.js';
import { lowerPlainConcat, lowerPlainSlice, lowerReshape } from './plain.js';

// Operations that only move values.

export function lowerConcat(lowering: Lowering, node: GraphNode, axis: number): Lowered {
  const image = imageDims(lowering.dimsOf(node.output));
  const tiled = node.inputs.some((tensor) => lowering.hasTiles(tensor));
  if (axis !== 1 || image === undefined || !tiled) return lowerPlainConcat(lowering, node, axis);
  const { layout } = lowering;
  const output = lowering.newTiles(node.output);
  let first = 0;
  let copied = 0;
  for (const tensor of node.inputs) {
    const input = lowering.tiles(tensor);
    if (!layout.sharePlace(tensor, layout.partOf(node.output, first))) {
      copyTiles(lowering, input, channelsOfTiles(output, first, input.channels));
      copied++;
    }
    first += input.channels;
  }
  if (copied === 0) return { kernel: 'view', reason: 'its parts are written side by side' };
  return { kernel: 'copy', reason: `${copied} of ${node.inputs.length} parts lie elsewhere` };
}

function copyTiles({ steps }: Lowering, input: Tiles, output: Tiles): void {
  steps.emit((at) => ({
    kind: 'pointwise',
    input: at.view(input),
    output: at.view(output),
    scale: undefined,
    shift: undefined,
    activation: { kind: 'none' },
  }));
}

export function lowerSlice(
  lowering: Lowering,
  node: GraphNode,
  starts: readonly number[],
  steps: readonly number[],
): Lowered {
  const tensor = node.inputs[0]!;
  if (!lowering.hasTiles(tensor)) return lowerPlainSlice(lowering, node, starts, steps);
  if (isChannelView(node, lowering.dims)) return lowerView(lowering, node);
  if (imageDims(lowering.dimsOf(node.output)) === undefined) return lowerPlainSlice(lowering, node, starts, steps);
  const [channels] = imageDims(lowering.dimsOf(node.output))!;
  const input = channelsOfTiles(lowering.tiles(tensor), starts[1]!, channels, steps[1]!);
  move(lowering, node, input, 0, [
    (pixel) => starts[2]! + pixel * steps[2]!,
    (pixel) => starts[3]! + pixel * steps[3]!,
  ]);
  return { kernel: 'shuffle', reason: '' };
}

export function lowerIdentity(lowering: Lowering, node: GraphNode): Lowered {
  const tiled = lowering.hasTiles(node.inputs[0]!) && isChannelView(node, lowering.dims);
  return tiled ? lowerView(lowering, node) : lowerReshape(lowering, node);
}

/** The layout has put the output into its input. */
function lowerView(lowering: Lowering, node: GraphNode): Lowered {
  lowering.newTiles(node.output);
  return { kernel: 'view', reason: 'the same memory' };
}

export function lowerResize(lowering: Lowering, node: GraphNode, [down, across]: Pair): Lowered {
  const input = lowering.tiles(node.inputs[0]!);
  move(lowering, node, input, 0, [(pixel) => Math.floor(pixel / down), (pixel) => Math.floor(pixel / across)]);
  return { kernel: 'shuffle', reason: '' };
}

export function lowerPad(lowering: Lowering, node: GraphNode, [top, left]: Pads, value: number): Lowered {
  const input = lowering.tiles(node.inputs[0]!);
  move(lowering, node, input, value, [(pixel) => pixel - top, (pixel) => pixel - left]);
  return { kernel: 'shuffle', reason: '' };
}

/** Output pixel (y, x) is input pixel (source[0](y), source[1](x)), or `fill` where that lies outside. */
function move(
  lowering: Lowering,
  node: GraphNode,
  input: Tiles,
  fill: number,
  source: readonly [row: (pixel: number) => number, column: (pixel: number) => number],
): void {
  const { layout } = lowering;
  const [, fromHeight, fromWidth] = imageDims(lowering.dimsOf(node.inputs[0]!))!;
  const [, height, width] = imageDims(lowering.dimsOf(node.output))!;
  const output = lowering.newTiles(node.output);
  const table = shuffleTable({
    source: { ...layout.tilingOf(node.inputs[0]!), rowPitch: input.rowPitch },
    target: { ...layout.tilingOf(node.output), rowPitch: output.rowPitch },
    row: (pixel) => (pixel < height ? within(fromHeight)(source[0](pixel)) : -1),
    column: (pixel) => (pixel < width ? within(fromWidth)(source[1](pixel)) : -1),
  });
  lowering.shuffle(input, output, table, fill);
}
