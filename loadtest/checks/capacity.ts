import { type RatioSummary, summariseRatios } from '../ratios.js';
import type { CapacityResult, CapacityRound } from '../run/capacity-run.js';
import type { Verdict } from '../scenarios/scenario.js';
import { format, holds } from './verdict.js';

export interface CapacityRatio {
  readonly name: string;
  readonly ratio: RatioSummary;
  /** undefined: nothing is promised. */
  readonly target: number | undefined;
}

const BARE_TARGET = 0.9;

/** The targets; with the sparse engine the baseline runs the same sparse network in ONNX Runtime, which gains nothing from zeros. */
export function capacityRatios({ engine, rounds }: CapacityResult): CapacityRatio[] {
  const baselineTarget = engine === 'sparse' ? 4 : 1.5;
  const ratio = (
    name: string,
    over: keyof CapacityRound,
    under: keyof CapacityRound,
    target?: number,
  ): CapacityRatio => ({
    name,
    ratio: summariseRatios(rounds.map((round) => ({ server: round[over], loop: round[under] }))),
    target,
  });
  return [
    ratio('pixels: service over the engine alone', 'headwater-pixels', 'bare-pixels', BARE_TARGET),
    ratio('JPEG: service over decoding and the engine alone', 'headwater-image', 'bare-image', BARE_TARGET),
    ratio('pixels: service over the baseline', 'headwater-pixels', 'baseline-pixels', baselineTarget),
    ratio('JPEG: service over the baseline', 'headwater-image', 'baseline-image', baselineTarget),
    ratio('pixels: service over the baseline with as many threads', 'headwater-pixels', 'single-pixels'),
  ];
}

export function checkCapacity(result: CapacityResult): Verdict[] {
  return capacityRatios(result).flatMap(({ name, ratio: { median, min, max }, target }) =>
    target === undefined
      ? []
      : holds(
          name,
          median >= target,
          `median ${format(median)}x (${format(min)} to ${format(max)}), at least ${target}x`,
        ),
  );
}
