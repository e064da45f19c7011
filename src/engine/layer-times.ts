import type { PlannedLayer } from './plan/plan-graph.js';
import { median } from './statistics.js';

export interface LayerTime extends Pick<PlannedLayer, 'node' | 'kernel'> {
  /** Median over the repetitions. */
  readonly microseconds: number;
  /** Of the sum of all layers, 0 to 1. */
  readonly share: number;
  /** Two operations for each useful multiply-add, in billions a second; null for layers without weights. */
  readonly gigaflops: number | null;
}

/**
 * What each layer took, from what each step took.
 *
 * @param microseconds [repetitions][steps]
 * @param usefulMultiplyAdds by node
 */
export function sumLayerTimes(
  microseconds: Float64Array,
  steps: number,
  layers: readonly Pick<PlannedLayer, 'node' | 'kernel' | 'steps'>[],
  usefulMultiplyAdds: ReadonlyMap<string, number>,
): LayerTime[] {
  const times = layers.map((layer) => median(sumSteps(microseconds, steps, layer.steps)));
  const total = times.reduce((sum, time) => sum + time, 0);
  return layers.map(({ node, kernel }, at) => {
    const time = times[at]!;
    const useful = usefulMultiplyAdds.get(node);
    return {
      node,
      kernel,
      microseconds: time,
      share: total === 0 ? 0 : time / total,
      gigaflops: useful === undefined || time === 0 ? null : (2 * useful) / time / 1000,
    };
  });
}

/** Microseconds of a whole image: the median of the repetitions. */
export function medianOfRuns(microseconds: Float64Array, steps: number): number {
  return median(sumSteps(microseconds, steps, [0, steps]));
}

/** For each repetition, the sum of some steps. */
function sumSteps(microseconds: Float64Array, steps: number, [first, end]: PlannedLayer['steps']): number[] {
  const sums: number[] = [];
  for (let start = 0; steps > 0 && start < microseconds.length; start += steps) {
    sums.push(microseconds.subarray(start + first, start + end).reduce((sum, time) => sum + time, 0));
  }
  return sums;
}
