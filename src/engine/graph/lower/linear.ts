import { refuse } from '../refusal.js';
import type { ActivationValue, Lowered, NodeSource } from './source.js';

/** Gemm with constant B and C: y = alpha x B + beta C. */
export function lowerGemm(source: NodeSource): Lowered[] {
  const { attributes } = source;
  const alpha = attributes.float('alpha', 1);
  const beta = attributes.float('beta', 1);
  if (attributes.integer('transA', 0) !== 0) refuse('transA');
  const transposed = attributes.integer('transB', 0) !== 0;
  const input = source.activation(0);
  const weights = readMatrix(source, input, transposed);
  const outputs = weights.length / (input.shape[1] as number);
  return linear(input, alpha === 1 ? weights : weights.map((value) => alpha * value), readBias(source, outputs, beta));
}

/** MatMul of an activation [batch, inputs] with a constant. */
export function lowerMatMul(source: NodeSource): Lowered[] {
  const input = source.activation(0);
  const weights = readMatrix(source, input, false);
  return linear(input, weights, new Float32Array(weights.length / (input.shape[1] as number)));
}

function linear(input: ActivationValue, weights: Float32Array, bias: Float32Array): Lowered[] {
  const inputs = input.shape[1] as number;
  const outputs = bias.length;
  return [
    {
      operation: { type: 'Linear', weights, weightShape: [outputs, inputs], bias, activation: undefined },
      inputs: [input],
      shape: [input.shape[0]!, outputs],
    },
  ];
}

/** B as [outputs, inputs]. */
function readMatrix(source: NodeSource, input: ActivationValue, transposed: boolean): Float32Array {
  const { dims, values } = source.floats(1) ?? refuse('input 1 is missing');
  const [first, second] = dims;
  const inputs = (transposed ? second : first) ?? 0;
  if (input.shape.length !== 2 || dims.length !== 2 || inputs !== input.shape[1] || values.length === 0) {
    return refuse(
      `[${input.shape.join(', ')}] times [${dims.join(', ')}]: only [batch, inputs] times a matrix is read`,
    );
  }
  if (transposed) return values;
  const outputs = second ?? 0;
  const result = new Float32Array(values.length);
  for (let i = 0; i < inputs; i++) {
    for (let o = 0; o < outputs; o++) result[o * inputs + i] = values[i * outputs + o]!;
  }
  return result;
}

function readBias(source: NodeSource, outputs: number, beta: number): Float32Array {
  const constant = source.floats(2);
  if (constant === undefined) return new Float32Array(outputs);
  const { dims, values } = constant;
  const oneRow = dims.slice(0, -1).every((length) => length === 1) && dims.length <= 2;
  if (!oneRow || (values.length !== outputs && values.length !== 1)) refuse(`a bias of shape [${dims.join(', ')}]`);
  return Float32Array.from({ length: outputs }, (_, o) => beta * values[values.length === 1 ? 0 : o]!);
}
