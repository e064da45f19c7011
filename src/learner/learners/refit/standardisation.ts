import { sumInEightLanes } from '../../arithmetic/eight-lanes.js';
import { nearnessOf, Standardiser, startOfStandardiser } from '../../head/standardise.js';

/** Constants that standardise embeddings: (x - mean) * scale. */
export interface Standardisation {
  /** [dimensions] */
  readonly mean: Float64Array;
  /** [dimensions] 0 everywhere while nothing varies. */
  readonly scale: Float64Array;
  /** Mean squared length of what they were made from, standardised. */
  readonly typicalSquaredLength: number;
}

/** A linear classifier of standardised embeddings, in FP64. */
export interface StandardisedClassifier extends Standardisation {
  /** [classes, dimensions] */
  readonly weights: Float64Array;
  /** [classes] */
  readonly bias: Float64Array;
}

/** Of `count` embeddings [count, dimensions], as a `Standardiser` finds them: an outlier among them moves little. */
export function standardisationOf(embeddings: Float32Array, count: number, dimensions: number): Standardisation {
  const standardiser = new Standardiser(startOfStandardiser(dimensions));
  for (let n = 0; n < count; n++) standardiser.observe(embeddings.subarray(n * dimensions, (n + 1) * dimensions));
  return constantsOf(standardiser);
}

/** What a standardiser does now; its arrays are shared. */
export function constantsOf({ state, scale, typicalSquaredLength }: Standardiser): Standardisation {
  return { mean: state.mean, scale, typicalSquaredLength };
}

/** Writes one standardised embedding to `out`; an outlier becomes the nearest one that is none. */
export function standardiseOne(
  embedding: Float32Array,
  { mean, scale, typicalSquaredLength }: Standardisation,
  out: Float64Array,
): void {
  for (let d = 0; d < out.length; d++) out[d] = (embedding[d]! - mean[d]!) * scale[d]!;
  const nearness = nearnessOf(sumInEightLanes(out, 0, out, out.length), typicalSquaredLength);
  if (nearness < 1) for (let d = 0; d < out.length; d++) out[d] = out[d]! * nearness;
}

/** Standardised embeddings [count, dimensions], rounded to FP32. */
export function standardiseAll(
  embeddings: Float32Array,
  count: number,
  constants: Standardisation,
): Float32Array<ArrayBuffer> {
  const dimensions = constants.mean.length;
  const out = new Float32Array(count * dimensions);
  const one = new Float64Array(dimensions);
  for (let n = 0; n < count; n++) {
    standardiseOne(embeddings.subarray(n * dimensions, (n + 1) * dimensions), constants, one);
    out.set(one, n * dimensions);
  }
  return out;
}

/** The same classifier of raw embeddings, for other constants; what `to` makes zero has no weight. */
export function restandardised(from: StandardisedClassifier, to: Standardisation): StandardisedClassifier {
  const dimensions = to.mean.length;
  const weights = from.weights.slice();
  const bias = from.bias.map((value, c) => {
    const row = weights.subarray(c * dimensions, (c + 1) * dimensions);
    return value + restandardise(row, from, to);
  });
  return { ...to, weights, bias };
}

/** Changes one row of weights [dimensions] in the same way. @returns what is to be added to its bias */
export function restandardise(row: Float64Array, from: Standardisation, to: Standardisation): number {
  let shift = 0;
  for (let d = 0; d < row.length; d++) {
    const raw = row[d]! * from.scale[d]!;
    const isDead = to.scale[d] === 0;
    row[d] = isDead ? 0 : raw / to.scale[d]!;
    if (!isDead) shift += raw * (to.mean[d]! - from.mean[d]!);
  }
  return shift;
}

/** With `rows[c]` as row c; zeros where that is undefined. */
export function withRows(from: StandardisedClassifier, rows: readonly (number | undefined)[]): StandardisedClassifier {
  const dimensions = from.mean.length;
  const weights = new Float64Array(rows.length * dimensions);
  const bias = new Float64Array(rows.length);
  rows.forEach((row, c) => {
    if (row === undefined) return;
    weights.set(from.weights.subarray(row * dimensions, (row + 1) * dimensions), c * dimensions);
    bias[c] = from.bias[row]!;
  });
  return { ...from, weights, bias };
}
