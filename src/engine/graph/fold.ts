import { dataTypes, elementCount } from '../onnx/model.js';
import { applyBinary } from './binary.js';
import type { Constant, FloatConstant, IntegerConstant } from './constant.js';
import { readConstant } from './constant.js';
import type { FoldBudget } from './fold-budget.js';
import { constantInput, foldConcat, foldGather, foldSlice, foldTranspose } from './fold-layout.js';
import { resolveReshape, unsqueezed } from './lower/layout.js';
import type { NodeSource } from './lower/source.js';
import { refuse } from './refusal.js';
import { checkRank, resolveAxis } from './shape.js';
import type { BinaryOperator, Dimension, Shape } from './types.js';

/*
 * Constant folding: nodes whose inputs are all constants, and Shape, become constants. This is mostly the arithmetic on shapes that
 * exporters write around a Reshape; the number of images stays the symbol N in it.
 */

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
    case 'ConstantOfShape':
      return foldFill(source, budget);
    case 'Floor':
    case 'Ceil':
      return rounded(constantInput(source, 0), node.opType === 'Floor' ? Math.floor : Math.ceil, budget);
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
      return foldArithmetic(node.opType, source, budget);
    default:
      return refuse('this operator on constants');
  }
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

/** A tensor full of one value, 0 when none is given. */
function foldFill(source: NodeSource, budget: FoldBudget): Constant {
  const dims = source.integers(0) ?? refuse('input 0 is missing');
  checkRank(dims);
  const tensor = source.attributes.tensor('value');
  const value = tensor === undefined ? undefined : readConstant(tensor);
  if (dims.some((length) => !(length >= 0)) || (value !== undefined && value.values.length !== 1))
    refuse('its shape or value');
  const count = elementCount(dims);
  budget.spend(count);
  return value?.kind === 'integers'
    ? { kind: 'integers', dims, values: new Array<Dimension>(count).fill(value.values[0]!) }
    : { kind: 'floats', dims, values: new Float32Array(count).fill(value?.values[0] ?? 0) };
}

function rounded(constant: Constant, round: (value: number) => number, budget: FoldBudget): Constant {
  if (constant.kind === 'integers') return refuse('rounding of integers');
  budget.spend(constant.values.length);
  return { ...constant, values: constant.values.map(round) };
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

function foldArithmetic(operator: BinaryOperator, source: NodeSource, budget: FoldBudget): Constant {
  const [left, right] = [constantInput(source, 0), constantInput(source, 1)];
  const bigger = left.values.length >= right.values.length ? left : right;
  const together = left.values.length === 1 || right.values.length === 1 || left.dims.join() === right.dims.join();
  if (!together || left.kind !== right.kind) return refuse('constants of different shapes or types');
  const count = bigger.values.length;
  budget.spend(count);
  const at = (constant: Constant, index: number) => known(constant.values[constant.values.length === 1 ? 0 : index]!);
  const result = (_: unknown, index: number) => applyBinary(operator, at(left, index), at(right, index));
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
