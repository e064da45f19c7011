import type { Binary, GraphNode } from '../../graph/types.js';
import type { Plain } from '../arena.js';
import { plainRegion } from '../arena.js';
import { elements } from '../dims.js';
import type { Lowered, Lowering } from '../lowering.js';
import { stepActivation } from '../lowering.js';
import { broadcastStrides, dropOnes, stridesOf } from './strides.js';

// Operations on plain tensors: small ones, and those that tiles can't hold.

export function plainBinary(lowering: Lowering, node: GraphNode, { operator, activation }: Binary): void {
  const [left, right] = node.inputs.map((tensor) => lowering.plain(tensor)) as [Plain, Plain];
  const out = lowering.dimsOf(node.output);
  const [leftStrides, rightStrides] = node.inputs.map((tensor) => broadcastStrides(lowering.dimsOf(tensor), out));
  const output = lowering.newPlain(node.output);
  const axes = dropOnes(out, { leftStrides: leftStrides!, rightStrides: rightStrides! });
  lowering.steps.emit((at) => ({
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
export function perChannel(lowering: Lowering, tensor: string, channels: number): Plain {
  const input = lowering.plain(tensor);
  if (elements(lowering.dimsOf(tensor)) === channels) return input;
  const output = plainRegion(channels);
  lowering.steps.emit((at) => ({
    kind: 'plainCopy',
    input: at.plain(input),
    output: at.plain(output),
    dims: [channels],
    inputStrides: [0],
    outputStrides: [1],
  }));
  return output;
}

export function lowerTranspose(lowering: Lowering, node: GraphNode, permutation: readonly number[]): Lowered {
  const strides = stridesOf(lowering.dimsOf(node.inputs[0]!));
  copyStrided(
    lowering,
    node,
    permutation.map((axis) => strides[axis]!),
    0,
  );
  return { kernel: 'copy', reason: 'tiles hold no such order' };
}

export function lowerPlainSlice(
  lowering: Lowering,
  node: GraphNode,
  starts: readonly number[],
  steps: readonly number[],
): Lowered {
  const strides = stridesOf(lowering.dimsOf(node.inputs[0]!));
  const first = strides.reduce((sum, stride, axis) => sum + stride * starts[axis]!, 0);
  copyStrided(
    lowering,
    node,
    strides.map((stride, axis) => stride * steps[axis]!),
    first,
  );
  return { kernel: 'copy', reason: '' };
}

/** @param first of the input, in floats */
function copyStrided(lowering: Lowering, node: GraphNode, strides: readonly number[], first: number): void {
  const input = lowering.plain(node.inputs[0]!);
  const output = lowering.newPlain(node.output);
  const out = lowering.dimsOf(node.output);
  const axes = dropOnes(out, { inputStrides: strides, outputStrides: stridesOf(out) });
  lowering.steps.emit((at) => ({
    kind: 'plainCopy',
    input: at.plain(input) + first,
    output: at.plain(output),
    ...axes,
  }));
}

export function lowerPlainConcat(lowering: Lowering, node: GraphNode, axis: number): Lowered {
  const inputs = node.inputs.map((tensor) => lowering.plain(tensor));
  const output = lowering.newPlain(node.output);
  const out = lowering.dimsOf(node.output);
  const outer = elements(out.slice(0, axis));
  const row = elements(out.slice(axis));
  let first = 0;
  for (const [index, input] of inputs.entries()) {
    const length = elements(lowering.dimsOf(node.inputs[index]!).slice(axis));
    const offset = first;
    lowering.steps.emit((at) => ({
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

export function lowerSoftmax(lowering: Lowering, node: GraphNode, axis: number): Lowered {
  const dims = lowering.dimsOf(node.output);
  const input = lowering.plain(node.inputs[0]!);
  const output = lowering.newPlain(node.output);
  lowering.steps.emit((at) => ({
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
export function lowerReshape(lowering: Lowering, node: GraphNode): Lowered {
  lowering.aliasPlain(node.output, node.inputs[0]!);
  return { kernel: 'view', reason: 'the same memory' };
}
