import { refuse } from '../../graph/refusal.js';
import type { Convolution, GraphNode, Linear } from '../../graph/types.js';
import type { Plain } from '../arena.js';
import { chooseLinear } from '../choose-kernel.js';
import { elements } from '../dims.js';
import type { Lowered, Lowering } from '../lowering.js';
import { stepActivation } from '../lowering.js';
import { packDenseLinear, packDenseLinearBias } from '../pack-dense.js';
import { packSparseLinear } from '../pack-sparse.js';

export function lowerLinear(lowering: Lowering, node: GraphNode, operation: Linear): Lowered {
  const rows = lowering.dimsOf(node.inputs[0]!)[0]!;
  if (rows !== 1) refuse(`a product with ${rows} rows for one image`);
  return lowerMatrixProduct(lowering, node, operation, undefined);
}

/** A Linear, or a convolution that is one. */
export function lowerMatrixProduct(
  lowering: Lowering,
  node: GraphNode,
  operation: Linear | Convolution,
  residual: string | undefined,
): Lowered {
  const { kernel, reason } = chooseLinear(operation, lowering.tuning);
  const input = lowering.plain(node.inputs[0]!);
  const summand = residual === undefined ? undefined : lowering.plain(residual);
  const output = lowering.newPlain(node.output);
  const outputs = operation.weightShape[0];
  const activation = summand === undefined ? operation.activation : undefined;
  const sizes = { inputs: operation.weights.length / outputs, outputs, activation: stepActivation(activation) };
  if (kernel === 'sparse') emitSparse(lowering, operation, input, output, sizes);
  else emitDense(lowering, operation, input, output, sizes);
  if (summand !== undefined) addResidual(lowering, node, operation, output, summand);
  return { kernel: `${kernel} matrix product`, reason };
}

type Sizes = {
  readonly inputs: number;
  readonly outputs: number;
  readonly activation: ReturnType<typeof stepActivation>;
};

function emitSparse(
  { constants, steps }: Lowering,
  { weights, bias }: Linear | Convolution,
  input: Plain,
  output: Plain,
  sizes: Sizes,
): void {
  const packed = packSparseLinear(weights, sizes.outputs, sizes.inputs);
  const tables = {
    starts: constants.add(packed.starts),
    indices: constants.add(packed.indices),
    values: constants.add(packed.values),
    bias: constants.add(bias),
  };
  steps.emit((at) => ({ kind: 'sparseLinear', input: at.plain(input), output: at.plain(output), ...sizes, ...tables }));
}

function emitDense(
  { constants, steps }: Lowering,
  { weights, bias }: Linear | Convolution,
  input: Plain,
  output: Plain,
  sizes: Sizes,
): void {
  const tables = {
    weights: constants.add(packDenseLinear(weights, sizes.outputs)),
    bias: constants.add(packDenseLinearBias(bias)),
  };
  steps.emit((at) => ({ kind: 'denseLinear', input: at.plain(input), output: at.plain(output), ...sizes, ...tables }));
}

function addResidual(
  { steps, dims }: Lowering,
  node: GraphNode,
  operation: Linear | Convolution,
  output: Plain,
  summand: Plain,
): void {
  const length = elements(dims.get(node.output)!);
  steps.emit((at) => ({
    kind: 'plainBinary',
    operator: 'Add',
    left: at.plain(output),
    right: at.plain(summand),
    output: at.plain(output),
    dims: [length],
    leftStrides: [1],
    rightStrides: [1],
    activation: stepActivation(operation.activation),
  }));
}
