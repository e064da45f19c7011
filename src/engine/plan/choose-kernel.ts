import type { Convolution, Linear, Pair } from '../graph/types.js';
import { countNonZeros } from './non-zeros.js';
import type { Tuning } from './tuning.js';
import type { WinogradShape } from './winograd.js';
import { winogradShape } from './winograd.js';

export interface KernelChoice {
  readonly kernel: 'sparse' | 'dense' | 'depthwise';
  /** One short phrase for users. */
  readonly reason: string;
}

/** uint16 in the packed rows. */
const mostSparseFilters = 2 ** 16 - 1;

/** @param gain of Winograd's filtering, which makes the dense kernel so many times faster; 1: it is not used */
export function chooseConvolution(operation: Convolution, gain: number, tuning: Tuning): KernelChoice {
  const [filters, perGroup] = operation.weightShape;
  if (perGroup === 1 && operation.group > 1) return { kernel: 'depthwise', reason: 'one input channel a filter' };
  const share = shareOfNonZeros(operation.weights);
  const few = perGroup <= tuning.fewChannels;
  if (filters > mostSparseFilters) return { kernel: 'dense', reason: 'too many filters to list' };
  const below = Math.min(tuning.sparseConvBelow, tuning.sparseWinogradBelow / gain);
  if (share < (few ? Math.min(below, tuning.sparseFewChannelsBelow) : below)) return skipsZeros(share);
  const reason = few && share < below ? `few input channels: dense is faster` : 'dense is faster';
  return { kernel: 'dense', reason: `${percent(share)} non-zero: ${reason}` };
}

/** Whether a dense convolution would take Winograd's filtering along its columns; undefined: it would not. */
export function chooseWinograd(
  { weightShape, dilations, group }: Convolution,
  strides: Pair,
  columns: number,
  tuning: Tuning,
): WinogradShape | undefined {
  const [filters, , , width] = weightShape;
  if (dilations[0] !== 1 || dilations[1] !== 1 || filters / group < tuning.winogradFilters) return undefined;
  const shape = winogradShape(width, strides[1], columns);
  return shape !== undefined && shape.gain >= tuning.winogradGain ? shape : undefined;
}

export function chooseLinear({ weights }: Pick<Linear, 'weights'>, tuning: Tuning): KernelChoice {
  const share = shareOfNonZeros(weights);
  if (share < tuning.sparseLinearBelow) return skipsZeros(share);
  return { kernel: 'dense', reason: `${percent(share)} non-zero: dense is faster` };
}

function skipsZeros(share: number): KernelChoice {
  return { kernel: 'sparse', reason: `${percent(share)} non-zero: skips zeros` };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function shareOfNonZeros(weights: Float32Array): number {
  return weights.length === 0 ? 0 : countNonZeros(weights) / weights.length;
}
