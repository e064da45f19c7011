import type { GraphNode, Pads, Pair } from '../../graph/types.js';
import type { Tiles } from '../arena.js';
import { channelsOfTiles } from '../arena.js';
import { imageDims } from '../dims.js';
import type { Emitted, Emitter } from '../emitter.js';
import { isChannelView } from '../homes.js';
import { shuffleTable, within } from '../shuffle.js';
import { emitPlainConcat, emitPlainSlice, emitReshape } from './plain.js';

// Operations that only move values.

export function emitConcat(emitter: Emitter, node: GraphNode, axis: number): Emitted {
  const image = imageDims(emitter.dimsOf(node.output));
  const tiled = node.inputs.some((tensor) => emitter.hasTiles(tensor));
  if (axis !== 1 || image === undefined || !tiled) return emitPlainConcat(emitter, node, axis);
  const { layout } = emitter;
  const output = emitter.newTiles(node.output);
  let first = 0;
  let copied = 0;
  for (const tensor of node.inputs) {
    const input = emitter.tiles(tensor);
    if (!layout.sharePlace(tensor, layout.partOf(node.output, first))) {
      copyTiles(emitter, input, channelsOfTiles(output, first, input.channels));
      copied++;
    }
    first += input.channels;
  }
  if (copied === 0) return { kernel: 'view', reason: 'its parts are written side by side' };
  return { kernel: 'copy', reason: `${copied} of ${node.inputs.length} parts lie elsewhere` };
}

function copyTiles({ steps }: Emitter, input: Tiles, output: Tiles): void {
  steps.emit((at) => ({
    kind: 'pointwise',
    input: at.view(input),
    output: at.view(output),
    scale: undefined,
    shift: undefined,
    activation: { kind: 'none' },
  }));
}

export function emitSlice(
  emitter: Emitter,
  node: GraphNode,
  starts: readonly number[],
  steps: readonly number[],
): Emitted {
  const tensor = node.inputs[0]!;
  if (!emitter.hasTiles(tensor)) return emitPlainSlice(emitter, node, starts, steps);
  if (isChannelView(node, emitter.dims)) return emitView(emitter, node);
  if (imageDims(emitter.dimsOf(node.output)) === undefined) return emitPlainSlice(emitter, node, starts, steps);
  const [channels] = imageDims(emitter.dimsOf(node.output))!;
  const input = channelsOfTiles(emitter.tiles(tensor), starts[1]!, channels, steps[1]!);
  move(emitter, node, input, 0, [(pixel) => starts[2]! + pixel * steps[2]!, (pixel) => starts[3]! + pixel * steps[3]!]);
  return { kernel: 'shuffle', reason: '' };
}

export function emitIdentity(emitter: Emitter, node: GraphNode): Emitted {
  const tiled = emitter.hasTiles(node.inputs[0]!) && isChannelView(node, emitter.dims);
  return tiled ? emitView(emitter, node) : emitReshape(emitter, node);
}

/** The layout has put the output into its input. */
function emitView(emitter: Emitter, node: GraphNode): Emitted {
  emitter.newTiles(node.output);
  return { kernel: 'view', reason: 'the same memory' };
}

export function emitResize(emitter: Emitter, node: GraphNode, [down, across]: Pair): Emitted {
  const input = emitter.tiles(node.inputs[0]!);
  move(emitter, node, input, 0, [(pixel) => Math.floor(pixel / down), (pixel) => Math.floor(pixel / across)]);
  return { kernel: 'shuffle', reason: '' };
}

export function emitPad(emitter: Emitter, node: GraphNode, [top, left]: Pads, value: number): Emitted {
  const input = emitter.tiles(node.inputs[0]!);
  move(emitter, node, input, value, [(pixel) => pixel - top, (pixel) => pixel - left]);
  return { kernel: 'shuffle', reason: '' };
}

/** Output pixel (y, x) is input pixel (source[0](y), source[1](x)), or `fill` where that lies outside. */
function move(
  emitter: Emitter,
  node: GraphNode,
  input: Tiles,
  fill: number,
  source: readonly [row: (pixel: number) => number, column: (pixel: number) => number],
): void {
  const { layout } = emitter;
  const [, fromHeight, fromWidth] = imageDims(emitter.dimsOf(node.inputs[0]!))!;
  const [, height, width] = imageDims(emitter.dimsOf(node.output))!;
  const output = emitter.newTiles(node.output);
  const table = shuffleTable({
    source: { ...layout.tilingOf(node.inputs[0]!), rowPitch: input.rowPitch },
    target: { ...layout.tilingOf(node.output), rowPitch: output.rowPitch },
    row: (pixel) => (pixel < height ? within(fromHeight)(source[0](pixel)) : -1),
    column: (pixel) => (pixel < width ? within(fromWidth)(source[1](pixel)) : -1),
  });
  emitter.shuffle(input, output, table, fill);
}
