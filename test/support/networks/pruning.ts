import type { Random } from '../../../src/server/data/random.js';

/** Random weights as pruning leaves them. */
export interface Pruning {
  /** Fraction of single weights that are zero. */
  readonly sparsity: number;
  /** Fraction of filters that are zero as a whole. */
  readonly emptyFilters: number;
  /** Fraction of input channels that no filter reads: what structured pruning leaves. */
  readonly unreadChannels: number;
}

export const dense: Pruning = { sparsity: 0, emptyFilters: 0, unreadChannels: 0 };

/** Layers in turn: 80, 95, 90 and 85 % sparse, some of them with empty filters or unread channels, every sixth dense. */
export function mixedPruning(layer: number): Pruning {
  if (layer % 6 === 0) return dense;
  return {
    sparsity: [0.8, 0.95, 0.9, 0.85][layer % 4]!,
    emptyFilters: layer % 3 === 1 ? 0.15 : 0,
    unreadChannels: layer % 5 === 2 ? 0.25 : 0,
  };
}

/**
 * Weights [filters, inputs, ...], scaled so that what comes out is about as large as what went in, however many are zero.
 */
export function prunedWeights(dims: readonly number[], pruning: Pruning, random: Random): Float32Array {
  const [filters, inputs] = dims as [number, number];
  const each = dims.slice(2).reduce((product, length) => product * length, 1);
  const unread = Array.from({ length: inputs }, () => random() < pruning.unreadChannels);
  const density = (1 - pruning.sparsity) * (1 - pruning.unreadChannels);
  const bound = Math.sqrt(6 / Math.max(1, inputs * each * density));
  const weights = new Float32Array(filters * inputs * each);
  for (let filter = 0, at = 0; filter < filters; filter++) {
    const empty = random() < pruning.emptyFilters;
    for (let input = 0; input < inputs; input++) {
      for (let tap = 0; tap < each; tap++, at++) {
        const kept = !empty && !unread[input] && random() >= pruning.sparsity;
        if (kept) weights[at] = bound * (2 * random() - 1);
      }
    }
  }
  return weights;
}
