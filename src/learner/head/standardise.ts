import { sumInEightLanes } from '../arithmetic/eight-lanes.js';
import { selectInPlace } from './select.js';

/**
 * Length (root mean square) that standardised embeddings would have without the floor, whatever their dimensions; with it they are
 * somewhat shorter. The size of an SGD step is rate * length^2, so one rate fits every backbone.
 */
const LENGTH = 10;
/**
 * Dimensions that hardly vary are mostly noise, so this fraction of the median variance is added to each variance. The median, and
 * not the mean, because one wild dimension must not drown the others; of those above zero, because pruned networks have dead ones.
 */
const FLOOR = 0.5;
/** The median is found anew for each of the first samples, then every so many. */
const MEDIAN_EVERY = 64;
/**
 * What is farther from the mean than this many times the typical distance is an outlier, and counts as if it were as near as that: so no sample
 * can grow the variances by more than the square of it over the count, however large its numbers are.
 */
export const OUTLIER = 4;
/** Before so many samples there is no typical distance. */
const TYPICAL_FROM = 8;

/** What a standardiser has seen: the running statistics of Welford (1962). */
export interface StandardiserState {
  count: number;
  /** Added to every variance. */
  floor: number;
  /** [dimensions] */
  readonly mean: Float64Array;
  /** [dimensions] Sums of squared deviations from the mean. */
  readonly squares: Float64Array;
}

/** The state of a standardiser that has seen nothing. */
export function startOfStandardiser(dimensions: number): StandardiserState {
  return { count: 0, floor: 0, mean: new Float64Array(dimensions), squares: new Float64Array(dimensions) };
}

/**
 * Standardises embeddings by their running mean and variance: (x - mean) * scale with
 * scale = LENGTH / sqrt(D) / sqrt(variance + floor). Until two different embeddings were seen, everything becomes zero.
 */
export class Standardiser {
  /** [dimensions] What a deviation from the mean is multiplied by; changes with each `observe`. */
  readonly scale: Float64Array;
  /** Mean squared length of what was seen, standardised. */
  private squaredLength = 0;
  private readonly standardised: Float64Array;

  /** @param state Taken over, not copied. */
  constructor(readonly state: StandardiserState) {
    this.scale = new Float64Array(state.mean.length);
    this.standardised = new Float64Array(state.mean.length);
    this.updateScale();
  }

  /** Mean squared length of the embeddings seen, standardised; 0 until two of them differ. */
  get typicalSquaredLength(): number {
    return this.squaredLength;
  }

  /** Takes one more embedding into the statistics; an outlier as the nearest one that is none. */
  observe(embedding: Float32Array): void {
    const { state } = this;
    const { mean, squares } = state;
    const nearness = this.nearness(embedding);
    const count = ++state.count;
    for (let d = 0; d < mean.length; d++) {
      const before = (embedding[d]! - mean[d]!) * nearness;
      const step = before / count;
      mean[d] = mean[d]! + step;
      squares[d] = squares[d]! + before * (before - step);
    }
    if (count <= MEDIAN_EVERY || count % MEDIAN_EVERY === 0) state.floor = (FLOOR * medianAboveZero(squares)) / count;
    this.updateScale();
  }

  /** Writes the standardised embedding to `out`. */
  apply(embedding: Float32Array | Float64Array, out: Float64Array): void {
    const { scale } = this;
    const { mean } = this.state;
    for (let d = 0; d < scale.length; d++) out[d] = (embedding[d]! - mean[d]!) * scale[d]!;
  }

  /** What was seen before counts as so many samples at most from now on (but not as fewer than the median needs). */
  forget(samples: number): void {
    const { state } = this;
    const { squares } = state;
    const count = Math.min(state.count, Math.max(Math.ceil(samples), MEDIAN_EVERY));
    for (let d = 0; d < squares.length; d++) squares[d] = squares[d]! * (count / state.count);
    state.count = count;
    // From the state as it is now, as one that is made of this state does it: the same variances, but for a rounding.
    this.updateScale();
  }

  /** What the deviation from the mean is multiplied by to be no outlier's; 1 for nearly every embedding. */
  private nearness(embedding: Float32Array): number {
    const { standardised, squaredLength } = this;
    if (this.state.count < TYPICAL_FROM || squaredLength === 0) return 1;
    this.apply(embedding, standardised);
    return nearnessOf(sumInEightLanes(standardised, 0, standardised, standardised.length), squaredLength);
  }

  private updateScale(): void {
    const { scale } = this;
    const { count, floor, squares } = this.state;
    if (floor === 0) return;
    const length = LENGTH / Math.sqrt(scale.length);
    let sum = 0;
    for (let d = 0; d < scale.length; d++) {
      const variance = squares[d]! / count;
      const factor = length / Math.sqrt(variance + floor);
      scale[d] = factor;
      sum += variance * factor * factor;
    }
    this.squaredLength = sum;
  }
}

/** What a vector is multiplied by so that it is no outlier: 1 when it is none. */
export function nearnessOf(squaredLength: number, typicalSquaredLength: number): number {
  const most = OUTLIER * OUTLIER * typicalSquaredLength;
  return squaredLength > most ? Math.sqrt(most / squaredLength) : 1;
}

/** The upper median of the values above zero; 0 when there are none. */
function medianAboveZero(values: Float64Array): number {
  const above = values.filter((value) => value > 0);
  return above.length === 0 ? 0 : selectInPlace(above, above.length >>> 1);
}
