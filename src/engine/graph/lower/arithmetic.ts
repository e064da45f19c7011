import type { FloatConstant } from '../constant.js';
import { refuse } from '../refusal.js';
import { broadcast, channelsOf } from '../shape.js';
import type { BinaryOperator } from '../types.js';
import { lowerIdentity } from './layout.js';
import type { ActivationValue, Lowered, NodeSource } from './source.js';

/** Add, Sub, Mul, Div: of two activations, or of one and a constant, which becomes scale and shift of each channel. */
export function lowerArithmetic(operator: BinaryOperator): (source: NodeSource) => Lowered[] {
  return (source) => {
    const [left, right] = source.inputs;
    if (left === undefined || right === undefined || source.inputs.length !== 2) return refuse('it needs two inputs');
    if (left.kind === 'activation' && right.kind === 'activation') {
      return [
        {
          operation: { type: 'Binary', operator, activation: undefined },
          inputs: [left, right],
          shape: broadcast(left.shape, right.shape),
        },
      ];
    }
    const constantFirst = left.kind !== 'activation';
    const input = source.activation(constantFirst ? 1 : 0);
    const constant = source.floats(constantFirst ? 0 : 1)!;
    const value = perChannel(input, constant);
    const ones = value.map(() => 1);
    const zeros = value.map(() => 0);
    switch (operator) {
      case 'Add':
        return scaleShift(input, ones, value);
      case 'Sub':
        return constantFirst
          ? scaleShift(
              input,
              value.map(() => -1),
              value,
            )
          : scaleShift(
              input,
              ones,
              value.map((x) => -x),
            );
      case 'Mul':
        return scaleShift(input, value, zeros);
      case 'Div':
        if (constantFirst) return refuse('a constant divided by an activation');
        return scaleShift(
          input,
          value.map((x) => 1 / x),
          zeros,
        );
    }
  };
}

/** Sum of one or two, as the first exporters wrote residuals. */
export function lowerSum(source: NodeSource): Lowered[] {
  if (source.inputs.length === 1) return lowerIdentity(source);
  if (source.inputs.length > 2) refuse(`a sum of ${source.inputs.length}: at most two are read`);
  return lowerArithmetic('Add')(source);
}

/** Inference form: y = gamma (x - mean) / sqrt(variance + epsilon) + beta. */
export function lowerBatchNormalization(source: NodeSource): Lowered[] {
  const input = source.activation(0);
  const channels = channelsOf(input.shape);
  const { attributes } = source;
  const epsilon = attributes.float('epsilon', 1e-5);
  attributes.ignore('momentum', 'training_mode', 'spatial');
  if (attributes.integer('training_mode', 0) !== 0) refuse('training_mode');
  if (attributes.integer('spatial', 1) !== 1) refuse('spatial = 0');
  if (!source.readsOnlyFirstOutput) refuse('the outputs of training');
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((index) => source.vector(index, channels));
  const scale = gamma!.map((value, channel) => value / Math.sqrt(variance![channel]! + epsilon));
  const shift = beta!.map(
    (value, channel) => value - (mean![channel]! * gamma![channel]!) / Math.sqrt(variance![channel]! + epsilon),
  );
  return scaleShift(input, scale, shift);
}

function scaleShift(input: ActivationValue, scale: Float32Array, shift: Float32Array): Lowered[] {
  return [
    { operation: { type: 'ScaleShift', scale, shift, activation: undefined }, inputs: [input], shape: input.shape },
  ];
}

/** A constant that is one number, or one for each channel, as a vector of channels. */
function perChannel(input: ActivationValue, { dims, values }: FloatConstant): Float32Array {
  const rank = input.shape.length;
  const channels = channelsOf(input.shape);
  if (rank < 2 || channels === 0 || dims.length > rank) refuse('arithmetic on an activation without channels');
  if (values.length === 1) return new Float32Array(channels).fill(values[0]!);
  const channelAxis = 1 - (rank - dims.length);
  if (values.length === channels && dims[channelAxis] === channels) return values;
  return refuse(
    `a constant of shape [${dims.join(', ')}]: neither one number nor one for each of ${channels} channels`,
  );
}
