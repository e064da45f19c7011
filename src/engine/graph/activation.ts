import type { ActivationFunction } from './types.js';

/** f(x), by ONNX's definitions (onnx/docs/Operators.md); SiLU is x sigmoid(x). */
export function applyActivation(activation: ActivationFunction, x: number): number {
  switch (activation.kind) {
    case 'relu':
      return Math.max(0, x);
    case 'leakyRelu':
      return x < 0 ? activation.slope * x : x;
    case 'clip':
      return Math.min(activation.max, Math.max(activation.min, x));
    case 'sigmoid':
      return sigmoid(x);
    case 'silu':
      return x * sigmoid(x);
    case 'hardSigmoid':
      return hardSigmoid(x, activation.alpha, activation.beta);
    case 'hardSwish':
      return x * hardSigmoid(x, 1 / 6, 0.5);
  }
}

/** As people write it: `Relu`, `Clip(0, 6)`. */
export function describeActivation(activation: ActivationFunction): string {
  switch (activation.kind) {
    case 'relu':
      return 'Relu';
    case 'leakyRelu':
      return `LeakyRelu(${round(activation.slope)})`;
    case 'clip':
      return `Clip(${round(activation.min)}, ${round(activation.max)})`;
    case 'sigmoid':
      return 'Sigmoid';
    case 'silu':
      return 'SiLU';
    case 'hardSigmoid':
      return 'HardSigmoid';
    case 'hardSwish':
      return 'HardSwish';
  }
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

function hardSigmoid(x: number, alpha: number, beta: number): number {
  return Math.max(0, Math.min(1, alpha * x + beta));
}

/** Constants come from 32-bit floats: seven digits say all. */
function round(value: number): string {
  return String(Number(value.toPrecision(7)));
}
