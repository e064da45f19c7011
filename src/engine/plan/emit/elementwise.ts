import type { View } from '../../../native/index.js';
import { refuse } from '../../graph/refusal.js';
import type { ActivationFunction, Binary, GraphNode, ScaleShift } from '../../graph/types.js';
import type { Arena, Tiles } from '../arena.js';
import type { Dims } from '../dims.js';
import { elements, imageDims } from '../dims.js';
import type { Emitted, Emitter } from '../emitter.js';
import { stepActivation } from '../emitter.js';
import { perChannel, plainBinary } from './plain.js';

/** A ScaleShift or an Activation, which scales by one. */
export function emitPointwise(
  emitter: Emitter,
  node: GraphNode,
  operation: Partial<Pick<ScaleShift, 'scale' | 'shift'>> & { readonly activation: ActivationFunction | undefined },
): Emitted {
  const tensor = node.inputs[0]!;
  const scale = operation.scale && emitter.channelConstants(operation.scale, 1);
  const shift = operation.shift && emitter.channelConstants(operation.shift, 0);
  const activation = stepActivation(operation.activation);
  if (emitter.hasTiles(tensor)) {
    const input = emitter.tiles(tensor);
    const output = emitter.newTiles(node.output);
    emitter.steps.emit((at) => ({
      kind: 'pointwise',
      input: at.view(input),
      output: at.view(output),
      scale,
      shift,
      activation,
    }));
    return { kernel: 'pointwise', reason: '' };
  }
  const dims = emitter.dimsOf(tensor);
  if (scale !== undefined || shift !== undefined) {
    if (dims[0] !== 1 || dims.length < 2) refuse(`a tensor [${dims.join(', ')}] where one image is expected`);
  }
  // Values without channels of their own are one row.
  const inner = elements(dims.slice(2));
  const channels = scale !== undefined || shift !== undefined ? dims[1]! : 1;
  const length = channels === 1 ? elements(dims) : inner;
  const input = emitter.plain(tensor);
  const output = emitter.newPlain(node.output);
  emitter.steps.emit((at) => ({
    kind: 'plainPointwise',
    input: at.plain(input),
    output: at.plain(output),
    channels,
    inner: length,
    scale,
    shift,
    activation,
  }));
  return { kernel: 'pointwise', reason: '' };
}

/** What a tiled operation may take of an operand: all of it, one value a channel, or one channel for all. */
type OperandKind = 'image' | 'perChannel' | 'oneChannel' | 'other';

export function emitBinary(emitter: Emitter, node: GraphNode, operation: Binary): Emitted {
  const [left, right] = node.inputs as [string, string];
  const kernel = operation.operator.toLowerCase();
  const out = emitter.dimsOf(node.output);
  const tiled = imageDims(out) !== undefined && [left, right].some((tensor) => emitter.hasTiles(tensor));
  const kinds = [left, right].map((tensor) => operandKind(emitter.dimsOf(tensor), out));
  const commutes = operation.operator === 'Add' || operation.operator === 'Mul';
  if (tiled && (kinds[0] === 'image' || kinds[0] === 'oneChannel') && kinds[1] !== 'other') {
    if (kinds[0] === 'image' || kinds[1] === 'image') {
      emitTiled(emitter, node, operation, left, right);
      return { kernel, reason: '' };
    }
  }
  if (tiled && commutes && kinds[1] === 'image' && kinds[0] === 'perChannel') {
    emitTiled(emitter, node, operation, right, left);
    return { kernel, reason: '' };
  }
  plainBinary(emitter, node, operation);
  return { kernel, reason: '' };
}

function operandKind(dims: Dims, out: Dims): OperandKind {
  const image = imageDims(dims);
  const [channels, height, width] = imageDims(out) ?? [0, 0, 0];
  if (image === undefined) return 'other';
  if (image[0] === channels && image[1] === height && image[2] === width) return 'image';
  if (image[1] === 1 && image[2] === 1) return 'perChannel';
  return image[0] === 1 && image[1] === height && image[2] === width ? 'oneChannel' : 'other';
}

/** `left` has the output's height and width. */
function emitTiled(emitter: Emitter, node: GraphNode, operation: Binary, left: string, right: string): void {
  const out = emitter.dimsOf(node.output);
  const first = forAllChannels(emitter.tiles(left), out);
  const second =
    operandKind(emitter.dimsOf(right), out) === 'perChannel'
      ? plainOperand(emitter, right, out)
      : tiledOperand(emitter, right, out);
  const output = emitter.newTiles(node.output);
  emitter.steps.emit((at) => ({
    kind: 'binary',
    operator: operation.operator,
    left: at.view(first),
    right: second(at),
    output: at.view(output),
    activation: stepActivation(operation.activation),
  }));
}

type Operand = (at: Arena) => View | number;

function plainOperand(emitter: Emitter, tensor: string, out: Dims): Operand {
  const values = perChannel(emitter, tensor, out[1]!);
  return (at) => at.plain(values);
}

function tiledOperand(emitter: Emitter, tensor: string, out: Dims): Operand {
  const tiles = forAllChannels(emitter.tiles(tensor), out);
  return (at) => at.view(tiles);
}

/** One channel is repeated: the way to the next one is nothing. */
function forAllChannels(tiles: Tiles, out: Dims): Tiles {
  return tiles.channels === out[1] ? tiles : { ...tiles, channels: out[1]!, channelPitch: 0 };
}
