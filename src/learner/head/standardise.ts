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

  constructor(readonly state: StandardiserState) {
    this.scale = new Float64Array(state.mean.length);
    this.updateScale();
  }

  /** Takes one more embedding into the statistics. */
  observe(embedding: Float32Array): void {
    const { state } = this;
    const { mean, squares } = state;
    const count = ++state.count;
    for (let d = 0; d < mean.length; d++) {
      const x = embedding[d]!;
      const before = x - mean[d]!;
      const after = mean[d]! + before / count;
      mean[d] = after;
      squares[d] = squares[d]! + before * (x - after);
    }
    if (count <= MEDIAN_EVERY || count % MEDIAN_EVERY === 0) state.floor = (FLOOR * medianAboveZero(squares)) / count;
    this.updateScale();
  }

  /** Writes the standardised embedding to `out`. */
  apply(embedding: Float32Array, out: Float64Array): void {
    const { scale } = this;
    const { mean } = this.state;
    for (let d = 0; d < scale.length; d++) out[d] = (embedding[d]! - mean[d]!) * scale[d]!;
  }

  private updateScale(): void {
    const { scale } = this;
    const { count, floor, squares } = this.state;
    if (floor === 0) return;
    const length = LENGTH / Math.sqrt(scale.length);
    for (let d = 0; d < scale.length; d++) scale[d] = length / Math.sqrt(squares[d]! / count + floor);
  }
}

/** The upper median of the values above zero; 0 when there are none. */
function medianAboveZero(values: Float64Array): number {
  // A typed array's sort is numeric and takes the same time for any input, near enough.
  const sorted = Float64Array.from(values).sort();
  const zeros = sorted.findIndex((value) => value > 0);
  return zeros < 0 ? 0 : sorted[(zeros + sorted.length) >>> 1]!;
}
