import { elementCount } from '../onnx/model.js';
import type { Constant } from './constant.js';
import type { FoldBudget } from './fold-budget.js';
import { readSlice } from './lower/slice.js';
import type { NodeSource } from './lower/source.js';
import { refuse } from './refusal.js';
import { resolveAxis } from './shape.js';
import type { Dimension } from './types.js';

// Folding of what only moves values: Transpose, Slice, Gather, Concat.

/** @throws Refusal when the input is missing or depends on the image. */
export function constantInput(source: NodeSource, index: number): Constant {
  const value = source.inputs[index] ?? refuse(`input ${index} is missing`);
  return value.kind === 'activation' ? refuse(`input ${index} depends on the image`) : value;
}

/** The values at `positions` of the input, under a new shape. */
function select(
  constant: Constant,
  dims: readonly number[],
  positions: Iterable<number>,
  budget: FoldBudget,
): Constant {
  const count = elementCount(dims);
  budget.spend(count);
  const values = constant.kind === 'floats' ? new Float32Array(count) : new Array<Dimension>(count);
  let next = 0;
  for (const position of positions) values[next++] = constant.values[position]!;
  return { ...constant, dims, values } as Constant;
}

export function foldTranspose(source: NodeSource, budget: FoldBudget): Constant {
  const input = constantInput(source, 0);
  const rank = input.dims.length;
  const permutation = source.attributes.integers('perm') ?? input.dims.map((_, axis) => rank - 1 - axis);
  if (permutation.length !== rank || new Set(permutation.map((axis) => resolveAxis(axis, rank))).size !== rank) {
    refuse(`perm [${permutation.slice(0, 8).join(', ')}] for ${rank} dimensions`);
  }
  const strides = stridesOf(input.dims);
  const dims = permutation.map((axis) => input.dims[axis]!);
  return select(
    input,
    dims,
    walk(
      dims,
      permutation.map((axis) => strides[axis]!),
    ),
    budget,
  );
}

export function foldSlice(source: NodeSource, budget: FoldBudget): Constant {
  const input = constantInput(source, 0);
  const dims = [...input.dims];
  const strides = stridesOf(input.dims);
  let offset = 0;
  for (const { axis, start, step, length } of readSlice(source, input.dims, true)) {
    offset += start * strides[axis]!;
    strides[axis] = strides[axis]! * step;
    dims[axis] = length;
  }
  return select(input, dims, walk(dims, strides, offset), budget);
}

export function foldGather(source: NodeSource, budget: FoldBudget): Constant {
  const input = constantInput(source, 0);
  const indices = source.inputs[1];
  if (indices?.kind !== 'integers') return refuse('indices that are no constant integers');
  const axis = resolveAxis(source.attributes.integer('axis', 0), input.dims.length);
  if (axis !== 0 || input.dims.length !== 1) refuse('a gather from other than a list');
  const positions = indices.values.map((index) =>
    resolveAxis(index === 'N' ? refuse('an index that is the number of images') : index, input.values.length),
  );
  return select(input, indices.dims, positions, budget);
}

export function foldConcat(source: NodeSource, budget: FoldBudget): Constant {
  const parts = source.inputs.map((_, index) => constantInput(source, index));
  resolveAxis(source.attributes.integer('axis', 0), 1);
  if (parts.some(({ dims }) => dims.length !== 1)) refuse('constants of more than one dimension');
  const length = parts.reduce((sum, part) => sum + part.values.length, 0);
  budget.spend(length);
  if (parts.every((part) => part.kind === 'integers')) {
    return { kind: 'integers', dims: [length], values: parts.flatMap((part) => part.values) };
  }
  if (!parts.every((part) => part.kind === 'floats')) return refuse('integers and floats together');
  const values = new Float32Array(length);
  let position = 0;
  for (const part of parts) {
    values.set(part.values, position);
    position += part.values.length;
  }
  return { kind: 'floats', dims: [length], values };
}

function stridesOf(dims: readonly number[]): number[] {
  const strides = dims.map(() => 1);
  for (let axis = dims.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * dims[axis + 1]!;
  return strides;
}

/** Positions in row-major order of a tensor of `dims` whose axes are `strides` apart. */
function* walk(dims: readonly number[], strides: readonly number[], offset = 0): Generator<number> {
  const index = dims.map(() => 0);
  const count = elementCount(dims);
  let position = offset;
  for (let done = 0; done < count; done++) {
    yield position;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      position += strides[axis]!;
      index[axis]!++;
      if (index[axis]! < dims[axis]!) break;
      position -= index[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
}
