import type { Convolution, Linear } from '../graph/types.js';
import { countNonZeros } from './non-zeros.js';
import type { Tuning } from './tuning.js';

export interface KernelChoice {
  readonly kernel: 'sparse' | 'dense' | 'depthwise';
  /** One short phrase for users. */
  readonly reason: string;
}

/** uint16 in the packed rows. */
const mostSparseFilters = 2 ** 16 - 1;

export function chooseConvolution(operation: Convolution, tuning: Tuning): KernelChoice {
  const [filters, perGroup] = operation.weightShape;
  if (perGroup === 1 && operation.group > 1) return { kernel: 'depthwise', reason: 'one input channel a filter' };
  const share = shareOfNonZeros(operation.weights);
  const few = perGroup <= tuning.fewChannels;
  if (filters > mostSparseFilters) return { kernel: 'dense', reason: 'too many filters to list' };
  if (share < (few ? tuning.sparseFewChannelsBelow : tuning.sparseConvBelow)) return skipsZeros(share);
  const reason = few && share < tuning.sparseConvBelow ? `few input channels: dense is faster` : 'dense is faster';
  return { kernel: 'dense', reason: `${percent(share)} non-zero: ${reason}` };
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
