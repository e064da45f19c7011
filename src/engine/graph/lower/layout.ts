import { refuse } from '../refusal.js';
import { elementsOf, resolveAxis, sameShape } from '../shape.js';
import type { Dimension, Shape } from '../types.js';
import type { Lowered, NodeSource } from './source.js';

export function lowerReshape(source: NodeSource): Lowered[] {
  const target = source.dimensions(1) ?? source.attributes.integers('shape') ?? refuse('input 1 is missing');
  const allowZero = source.attributes.integer('allowzero', 0) !== 0;
  return reshape(source, resolveReshape(source.activation(0).shape, target, allowZero));
}

/** ONNX's Reshape: 0 keeps the input's length, -1 is what is left. @throws Refusal */
export function resolveReshape(input: Shape, target: readonly Dimension[], allowZero: boolean): Shape {
  const shape = target.map((length, axis) =>
    length === 0 && !allowZero ? (input[axis] ?? refuse('a 0 too many')) : length,
  );
  const free = shape.indexOf(-1);
  if (free !== -1) {
    const others = shape.filter((_, axis) => axis !== free);
    const rest = elementsOf(input) / elementsOf(others);
    const batches = countBatch(input) - countBatch(others);
    if (batches === 0) shape[free] = rest;
    else if (batches === 1 && rest === 1) shape[free] = 'N';
    else refuse(`a reshape of [${input.join(', ')}] to [${target.join(', ')}], which does not keep the images apart`);
  }
  if (elementsOf(shape) !== elementsOf(input) || countBatch(shape) !== countBatch(input)) {
    const why = countBatch(shape) < countBatch(input) ? ', which does not keep the images apart' : '';
    refuse(`a reshape of [${input.join(', ')}] to [${target.slice(0, 8).join(', ')}]${why}`);
  }
  return shape;
}

function countBatch(shape: Shape): number {
  return shape.filter((length) => length === 'N').length;
}

export function lowerFlatten(source: NodeSource): Lowered[] {
  const { shape } = source.activation(0);
  const axis = source.attributes.integer('axis', 1);
  if (axis !== 1 && axis + shape.length !== 1) refuse(`axis ${axis}: only 1 keeps the images apart`);
  return reshape(source, [shape[0]!, elementsOf(shape.slice(1))]);
}

export function lowerSqueeze(source: NodeSource): Lowered[] {
  const { shape } = source.activation(0);
  const given = source.integersOrAttribute(1, 'axes');
  const axes = given?.map((axis) => resolveAxis(axis, shape.length));
  const removed = new Set(axes ?? shape.flatMap((length, axis) => (length === 1 ? [axis] : [])));
  for (const axis of removed) if (shape[axis] !== 1) refuse(`axis ${axis} of [${shape.join(', ')}] is not 1`);
  return reshape(
    source,
    shape.filter((_, axis) => !removed.has(axis)),
  );
}

export function lowerUnsqueeze(source: NodeSource): Lowered[] {
  return reshape(source, unsqueezed(source.activation(0).shape, source.integersOrAttribute(1, 'axes') ?? []));
}

/** The shape with lengths of 1 put in at `axes`, which count in the result. */
export function unsqueezed<T>(shape: readonly T[], axes: readonly number[]): (T | 1)[] {
  const rank = shape.length + axes.length;
  const added = new Set(axes.map((axis) => resolveAxis(axis, rank)));
  if (added.size !== axes.length) refuse(`axes [${axes.join(', ')}]`);
  const rest = [...shape];
  return Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : rest.shift()!));
}

function reshape(source: NodeSource, shape: Shape): Lowered[] {
  const input = source.activation(0);
  const type = sameShape(shape, input.shape) ? 'Identity' : 'Reshape';
  return [{ operation: { type }, inputs: [input], shape }];
}

export function lowerIdentity(source: NodeSource): Lowered[] {
  const input = source.activation(0);
  return [{ operation: { type: 'Identity' }, inputs: [input], shape: input.shape }];
}

/** At inference Dropout does nothing. */
export function lowerDropout(source: NodeSource): Lowered[] {
  if (!source.readsOnlyFirstOutput) refuse('its second output, the mask');
  source.attributes.ignore('ratio', 'seed', 'is_test');
  const training = source.inputs[2];
  if (training !== undefined && source.integers(2)?.some((value) => value !== 0)) refuse('training mode');
  return lowerIdentity(source);
}

export function lowerTranspose(source: NodeSource): Lowered[] {
  const input = source.activation(0);
  const rank = input.shape.length;
  const permutation = source.attributes.integers('perm') ?? input.shape.map((_, axis) => rank - 1 - axis);
  if (permutation.length !== rank || new Set(permutation.map((axis) => resolveAxis(axis, rank))).size !== rank) {
    refuse(`perm [${permutation.slice(0, 8).join(', ')}] for ${rank} dimensions`);
  }
  if (permutation[0] !== 0) refuse('a transposition that moves the batch');
  return [
    {
      operation: { type: 'Transpose', permutation },
      inputs: [input],
      shape: permutation.map((axis) => input.shape[axis]!),
    },
  ];
}

export function lowerConcat(source: NodeSource): Lowered[] {
  const inputs = source.inputs.map((_, index) => source.activation(index));
  const first = inputs[0]?.shape ?? refuse('it has no inputs');
  const axis = resolveAxis(source.attributes.integer('axis', 1), first.length);
  if (axis === 0) refuse('a concatenation over the batch');
  let length = 0;
  for (const { shape } of inputs) {
    const others = shape.length === first.length && shape.every((side, at) => at === axis || side === first[at]);
    const side = shape[axis];
    if (!others || typeof side !== 'number') refuse(`[${first.join(', ')}] and [${shape.join(', ')}] on axis ${axis}`);
    length += side as number;
  }
  return [
    { operation: { type: 'Concat', axis }, inputs, shape: first.map((side, at) => (at === axis ? length : side)) },
  ];
}

/** Before opset 13 all axes from `first` on were one: the same as a single one where the others have length 1. */
function onlyLongAxis(shape: Shape, first: number): number {
  const long = shape.flatMap((length, axis) => (axis >= first && length !== 1 ? [axis] : []));
  return long.length > 1 ? refuse(`a softmax over axes ${long.join(', ')} together`) : (long[0] ?? first);
}

export function lowerSoftmax(source: NodeSource): Lowered[] {
  const input = source.activation(0);
  const rank = input.shape.length;
  const given = resolveAxis(source.attributes.integer('axis', source.opset < 13 ? 1 : -1), rank);
  const axis = source.opset < 13 ? onlyLongAxis(input.shape, given) : given;
  if (given === 0) refuse('a softmax over the batch');
  return [{ operation: { type: 'Softmax', axis }, inputs: [input], shape: input.shape }];
}
