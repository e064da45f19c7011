import { dataTypes, elementCount } from '../onnx/model.js';
import type { Constant, FloatConstant, IntegerConstant } from './constant.js';
import { readConstant } from './constant.js';
import { resolveReshape, unsqueezed } from './lower/layout.js';
import { readSlice } from './lower/slice.js';
import type { NodeSource } from './lower/source.js';
import { refuse } from './refusal.js';
import { checkRank, resolveAxis } from './shape.js';
import type { Dimension, Shape } from './types.js';

/*
 * Constant folding: nodes whose inputs are all constants, and Shape, become constants. This is mostly the arithmetic on shapes that
 * exporters write around a Reshape; the number of images stays the symbol N in it.
 */

/** Values that one folded constant may have, beyond those of its inputs together: a chain of Concats doubles its length each time. */
export interface FoldBudget {
  /** @throws Refusal when it is spent. */
  spend(elements: number): void;
  readonly isSpent: boolean;
}

/** @throws Refusal when the operator is not one that is folded. */
export function foldNode(source: NodeSource, budget: FoldBudget): Constant {
  const folded = evaluate(source, budget);
  source.attributes.finish();
  checkRank(folded.dims);
  return folded;
}

function evaluate(source: NodeSource, budget: FoldBudget): Constant {
  const { node, attributes } = source;
  switch (node.opType) {
    case 'Constant':
      return foldConstant(source);
    case 'Identity':
      return constantInput(source, 0);
    case 'Shape':
      return foldShape(source);
    case 'Cast':
      attributes.ignore('saturate');
      return cast(constantInput(source, 0), attributes.integer('to', 0));
    case 'Reshape':
      return withDims(
        constantInput(source, 0),
        asLengths(
          resolveReshape(
            constantInput(source, 0).dims,
            source.dimensions(1) ?? attributes.integers('shape') ?? [],
            attributes.integer('allowzero', 0) !== 0,
          ),
        ),
      );
    case 'Unsqueeze': {
      const input = constantInput(source, 0);
      return withDims(input, unsqueezed(input.dims, source.integersOrAttribute(1, 'axes') ?? []));
    }
    case 'Squeeze': {
      const input = constantInput(source, 0);
      const axes = source.integersOrAttribute(1, 'axes')?.map((axis) => resolveAxis(axis, input.dims.length));
      return withDims(
        input,
        input.dims.filter((length, axis) => length !== 1 || (axes !== undefined && !axes.includes(axis))),
      );
    }
    case 'Transpose':
      return foldTranspose(source, budget);
    case 'Gather':
      return foldGather(source, budget);
    case 'Slice':
      return foldSlice(source, budget);
    case 'Concat':
      return foldConcat(source, budget);
    case 'Add':
    case 'Sub':
    case 'Mul':
    case 'Div':
      return foldArithmetic(source, budget);
    default:
      return refuse('this operator on constants');
  }
}

function constantInput(source: NodeSource, index: number): Constant {
  const value = source.inputs[index] ?? refuse(`input ${index} is missing`);
  return value.kind === 'activation' ? refuse(`input ${index} depends on the image`) : value;
}

function foldConstant({ attributes }: NodeSource): Constant {
  const tensor = attributes.tensor('value');
  if (tensor !== undefined) return readConstant(tensor);
  const floats = attributes.floats('value_floats');
  if (floats !== undefined) return { kind: 'floats', dims: [floats.length], values: Float32Array.from(floats) };
  const integers = attributes.integers('value_ints');
  if (integers !== undefined) return { kind: 'integers', dims: [integers.length], values: integers };
  const float = attributes.float('value_float', Number.NaN);
  if (!Number.isNaN(float)) return { kind: 'floats', dims: [], values: Float32Array.of(float) };
  const integer = attributes.integer('value_int', Number.NaN);
  if (!Number.isNaN(integer)) return { kind: 'integers', dims: [], values: [integer] };
  return refuse('a constant without a value');
}

function foldShape({ attributes, inputs }: NodeSource): IntegerConstant {
  const input = inputs[0] ?? refuse('input 0 is missing');
  const shape: Shape = input.kind === 'activation' ? input.shape : input.dims;
  const values = shape.slice(attributes.integer('start', 0), attributes.integer('end', shape.length));
  return { kind: 'integers', dims: [values.length], values };
}

function cast(constant: Constant, to: number): Constant {
  const { dims } = constant;
  const toFloat = to === dataTypes.float || to === dataTypes.double;
  if (!toFloat && to !== dataTypes.int64 && to !== dataTypes.int32) refuse(`a cast to type ${to}`);
  if (constant.kind === 'integers') {
    return toFloat ? { kind: 'floats', dims, values: Float32Array.from(constant.values, known) } : constant;
  }
  return toFloat ? constant : { kind: 'integers', dims, values: Array.from(constant.values, Math.trunc) };
}

function known(value: Dimension): number {
  return value === 'N' ? refuse('arithmetic with the number of images') : value;
}

function asLengths(shape: Shape): number[] {
  return shape.map(known);
}

function withDims(constant: Constant, dims: readonly number[]): Constant {
  const count = constant.values.length;
  return elementCount(dims) === count ? { ...constant, dims } : refuse(`${count} values as [${dims.join(', ')}]`);
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

function foldTranspose(source: NodeSource, budget: FoldBudget): Constant {
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

function foldSlice(source: NodeSource, budget: FoldBudget): Constant {
  const input = constantInput(source, 0);
  const dims = [...input.dims];
  const strides = stridesOf(input.dims);
  let offset = 0;
  for (const { axis, start, step, length } of readSlice(source, input.dims)) {
    offset += start * strides[axis]!;
    strides[axis] = strides[axis]! * step;
    dims[axis] = length;
  }
  return select(input, dims, walk(dims, strides, offset), budget);
}

function foldGather(source: NodeSource, budget: FoldBudget): Constant {
  const input = constantInput(source, 0);
  const indices = source.inputs[1];
  if (indices?.kind !== 'integers') return refuse('indices that are no constant integers');
  const axis = resolveAxis(source.attributes.integer('axis', 0), input.dims.length);
  if (axis !== 0 || input.dims.length !== 1) refuse('a gather from other than a list');
  const positions = indices.values.map((index) => resolveAxis(known(index), input.values.length));
  return select(input, indices.dims, positions, budget);
}

function foldConcat(source: NodeSource, budget: FoldBudget): Constant {
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

function foldArithmetic(source: NodeSource, budget: FoldBudget): Constant {
  const [left, right] = [constantInput(source, 0), constantInput(source, 1)];
  const bigger = left.values.length >= right.values.length ? left : right;
  const together = left.values.length === 1 || right.values.length === 1 || left.dims.join() === right.dims.join();
  if (!together || left.kind !== right.kind) return refuse('constants of different shapes or types');
  const count = bigger.values.length;
  budget.spend(count);
  const at = (constant: Constant, index: number) => known(constant.values[constant.values.length === 1 ? 0 : index]!);
  const result = (_: unknown, index: number) => compute(source.node.opType, at(left, index), at(right, index));
  return bigger.kind === 'floats'
    ? ({
        kind: 'floats',
        dims: bigger.dims,
        values: Float32Array.from({ length: count }, result),
      } satisfies FloatConstant)
    : {
        kind: 'integers',
        dims: bigger.dims,
        values: Array.from({ length: count }, (_, i) => Math.trunc(result(_, i))),
      };
}

function compute(operator: string, left: number, right: number): number {
  switch (operator) {
    case 'Add':
      return left + right;
    case 'Sub':
      return left - right;
    case 'Mul':
      return left * right;
    default:
      return left / right;
  }
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
