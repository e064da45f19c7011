import type { CandidateName } from '../../src/learner/index.js';
import { mean } from './scores.js';

/** A line of a picture. */
export type CurveName = CandidateName | 'auto';

/** Samples that each value of a point looks back on. */
export const POINT_WINDOW = 100;

/** How a pass stands after so many samples: fractions of the last 100 that were predicted right before they were learned. */
export interface CurvePoint {
  readonly samples: number;
  readonly accuracy: Readonly<Partial<Record<CurveName, number>>>;
}

export interface CurveLine {
  readonly name: CurveName;
  /** [samples] */
  readonly accuracy: readonly number[];
}

export interface Curve {
  /** Each point is over so many samples, the newest; over all while there are fewer. */
  readonly window: number;
  readonly samples: readonly number[];
  readonly lines: readonly CurveLine[];
}

/** Windows that are a tenth of the stream: shorter ones jump about, longer ones come late. */
export function windowFor(samples: number): number {
  return POINT_WINDOW * Math.max(1, Math.round(samples / 10 / POINT_WINDOW));
}

/**
 * The mean over passes of streams that are equally long, give or take a sample.
 * @param passes With points at the same numbers of samples; where their ends differ, the last points are left out.
 */
export function averageCurve(passes: readonly (readonly CurvePoint[])[]): Curve {
  const longest = passes[0]?.at(-1)?.samples ?? 0;
  const window = windowFor(longest);
  const widened = passes.map((points) => widen(points, window));
  const samples = (widened[0] ?? [])
    .map((point) => point.samples)
    .filter((at) => widened.every((points) => points.some((point) => point.samples === at)));
  const names = Object.keys(widened[0]?.at(-1)?.accuracy ?? {}) as CurveName[];
  const at = (points: readonly CurvePoint[], count: number) => points.find((point) => point.samples === count);
  return {
    window,
    samples,
    lines: names.map((name) => ({
      name,
      accuracy: samples.map((count) => mean(widened.map((points) => at(points, count)?.accuracy[name] ?? 0))),
    })),
  };
}

/**
 * Points of a longer window, of the points whose 100 samples lie in it side by side; while it is not full, of all samples so far.
 * @param window A multiple of 100
 */
export function widen(points: readonly CurvePoint[], window: number): CurvePoint[] {
  const bySamples = new Map(points.map((point) => [point.samples, point]));
  return points.flatMap(({ samples, accuracy }) => {
    const length = Math.min(samples, window);
    const parts = Array.from({ length: Math.ceil(length / POINT_WINDOW) }, (_, back) =>
      bySamples.get(samples - back * POINT_WINDOW),
    );
    if (parts.some((part) => part === undefined)) return [];
    const share = (part: CurvePoint) => Math.min(part.samples, POINT_WINDOW) / length;
    const of = (name: string) =>
      parts.reduce((sum, part) => sum + share(part!) * (part!.accuracy[name as CurveName] ?? 0), 0);
    return [{ samples, accuracy: Object.fromEntries(Object.keys(accuracy).map((name) => [name, of(name)])) }];
  });
}
