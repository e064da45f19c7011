import type { ActivationFunction } from '../types.js';
import type { Lowered, NodeSource } from './source.js';

/** Relu, Sigmoid and HardSwish have no parameters. */
export function lowerPlainActivation(kind: 'relu' | 'sigmoid' | 'hardSwish'): (source: NodeSource) => Lowered[] {
  return (source) => activation(source, { kind });
}

export function lowerLeakyRelu(source: NodeSource): Lowered[] {
  return activation(source, { kind: 'leakyRelu', slope: source.attributes.float('alpha', 0.01) });
}

export function lowerHardSigmoid(source: NodeSource): Lowered[] {
  const alpha = source.attributes.float('alpha', 0.2);
  return activation(source, { kind: 'hardSigmoid', alpha, beta: source.attributes.float('beta', 0.5) });
}

/** Limits are attributes up to opset 10, inputs since. */
export function lowerClip(source: NodeSource): Lowered[] {
  const { attributes, opset } = source;
  const min = opset < 11 ? attributes.float('min', Number.NEGATIVE_INFINITY) : source.scalar(1);
  const max = opset < 11 ? attributes.float('max', Number.POSITIVE_INFINITY) : source.scalar(2);
  return activation(source, {
    kind: 'clip',
    min: min ?? Number.NEGATIVE_INFINITY,
    max: max ?? Number.POSITIVE_INFINITY,
  });
}

function activation(source: NodeSource, activation: ActivationFunction): Lowered[] {
  const input = source.activation(0);
  return [{ operation: { type: 'Activation', activation }, inputs: [input], shape: input.shape }];
}
