import type { Binary, GraphNode } from '../../graph/types.js';
import type { Plain } from '../arena.js';
import { plainRegion } from '../arena.js';
import { elements } from '../dims.js';
import type { Emitted, Emitter } from '../emitter.js';
import { stepActivation } from '../emitter.js';
import { broadcastStrides, dropOnes, stridesOf } from './strides.js';

// Operations on plain tensors: small ones, and those that tiles can't hold.

export function plainBinary(emitter: Emitter, node: GraphNode, { operator, activation }: Binary): void {
  const [left, right] = node.inputs.map((tensor) => emitter.plain(tensor)) as [Plain, Plain];
  const out = emitter.dimsOf(node.output);
  const [leftStrides, rightStrides] = node.inputs.map((tensor) => broadcastStrides(emitter.dimsOf(tensor), out));
  const output = emitter.newPlain(node.output);
  const axes = dropOnes(out, { leftStrides: leftStrides!, rightStrides: rightStrides! });
  emitter.steps.emit((at) => ({
    kind: 'plainBinary',
    operator,
    left: at.plain(left),
    right: at.plain(right),
    output: at.plain(output),
    ...axes,
    activation: stepActivation(activation),
  }));
}

/** A plain tensor [1, channels or 1, 1, 1] with one value for each of `channels`. */
export function perChannel(emitter: Emitter, tensor: string, channels: number): Plain {
  const input = emitter.plain(tensor);
  if (elements(emitter.dimsOf(tensor)) === channels) return input;
  const output = plainRegion(channels);
  emitter.steps.emit((at) => ({
    kind: 'plainCopy',
    input: at.plain(input),
    output: at.plain(output),
    dims: [channels],
    inputStrides: [0],
    outputStrides: [1],
  }));
  return output;
}

export function emitTranspose(emitter: Emitter, node: GraphNode, permutation: readonly number[]): Emitted {
  const strides = stridesOf(emitter.dimsOf(node.inputs[0]!));
  copyStrided(
    emitter,
    node,
    permutation.map((axis) => strides[axis]!),
    0,
  );
  return { kernel: 'copy', reason: 'tiles hold no such order' };
}

export function emitPlainSlice(
  emitter: Emitter,
  node: GraphNode,
  starts: readonly number[],
  steps: readonly number[],
): Emitted {
  const strides = stridesOf(emitter.dimsOf(node.inputs[0]!));
  const first = strides.reduce((sum, stride, axis) => sum + stride * starts[axis]!, 0);
  copyStrided(
    emitter,
    node,
    strides.map((stride, axis) => stride * steps[axis]!),
    first,
  );
  return { kernel: 'copy', reason: '' };
}

/** @param first of the input, in floats */
function copyStrided(emitter: Emitter, node: GraphNode, strides: readonly number[], first: number): void {
  const input = emitter.plain(node.inputs[0]!);
  const output = emitter.newPlain(node.output);
  const out = emitter.dimsOf(node.output);
  const axes = dropOnes(out, { inputStrides: strides, outputStrides: stridesOf(out) });
  emitter.steps.emit((at) => ({
    kind: 'plainCopy',
    input: at.plain(input) + first,
    output: at.plain(output),
    ...axes,
  }));
}

export function emitPlainConcat(emitter: Emitter, node: GraphNode, axis: number): Emitted {
  const inputs = node.inputs.map((tensor) => emitter.plain(tensor));
  const output = emitter.newPlain(node.output);
  const out = emitter.dimsOf(node.output);
  const outer = elements(out.slice(0, axis));
  const row = elements(out.slice(axis));
  let first = 0;
  for (const [index, input] of inputs.entries()) {
    const length = elements(emitter.dimsOf(node.inputs[index]!).slice(axis));
    const offset = first;
    emitter.steps.emit((at) => ({
      kind: 'plainCopy',
      input: at.plain(input),
      output: at.plain(output) + offset,
      dims: [outer, length],
      inputStrides: [length, 1],
      outputStrides: [row, 1],
    }));
    first += length;
  }
  return { kernel: 'copy', reason: '' };
}

export function emitSoftmax(emitter: Emitter, node: GraphNode, axis: number): Emitted {
  const dims = emitter.dimsOf(node.output);
  const input = emitter.plain(node.inputs[0]!);
  const output = emitter.newPlain(node.output);
  emitter.steps.emit((at) => ({
    kind: 'softmax',
    input: at.plain(input),
    output: at.plain(output),
    outer: elements(dims.slice(0, axis)),
    length: dims[axis]!,
    inner: elements(dims.slice(axis + 1)),
  }));
  return { kernel: 'softmax', reason: '' };
}

/** Reshape and Identity of what is plain: the same memory. */
export function emitReshape(emitter: Emitter, node: GraphNode): Emitted {
  emitter.aliasPlain(node.output, node.inputs[0]!);
  return { kernel: 'view', reason: 'the same memory' };
}
