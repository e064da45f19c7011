import { refuse } from '../../graph/refusal.js';
import type { Convolution, GraphNode, Linear } from '../../graph/types.js';
import type { Plain } from '../arena.js';
import { chooseLinear } from '../choose-kernel.js';
import { elements } from '../dims.js';
import type { Emitted, Emitter } from '../emitter.js';
import { stepActivation } from '../emitter.js';
import { packDenseLinear, packDenseLinearBias } from '../pack-dense.js';
import { packSparseLinear } from '../pack-sparse.js';

export function emitLinear(emitter: Emitter, node: GraphNode, operation: Linear): Emitted {
  const rows = emitter.dimsOf(node.inputs[0]!)[0]!;
  if (rows !== 1) refuse(`a product with ${rows} rows for one image`);
  return emitMatrixProduct(emitter, node, operation, undefined);
}

/** A Linear, or a convolution that is one. */
export function emitMatrixProduct(
  emitter: Emitter,
  node: GraphNode,
  operation: Linear | Convolution,
  residual: string | undefined,
): Emitted {
  const { kernel, reason } = chooseLinear(operation, emitter.tuning);
  const input = emitter.plain(node.inputs[0]!);
  const summand = residual === undefined ? undefined : emitter.plain(residual);
  const output = emitter.newPlain(node.output);
  const outputs = operation.weightShape[0];
  const activation = summand === undefined ? operation.activation : undefined;
  const sizes = { inputs: operation.weights.length / outputs, outputs, activation: stepActivation(activation) };
  if (kernel === 'sparse') emitSparse(emitter, operation, input, output, sizes);
  else emitDense(emitter, operation, input, output, sizes);
  if (summand !== undefined) addResidual(emitter, node, operation, output, summand);
  return { kernel: `${kernel} matrix product`, reason };
}

type Sizes = {
  readonly inputs: number;
  readonly outputs: number;
  readonly activation: ReturnType<typeof stepActivation>;
};

function emitSparse(
  { constants, steps }: Emitter,
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
  { constants, steps }: Emitter,
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
  { steps, dims }: Emitter,
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
