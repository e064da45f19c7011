import { sumInEightLanes } from '../../arithmetic/eight-lanes.js';
import { nearnessOf, Standardiser, startOfStandardiser } from '../../head/standardise.js';

/** Samples over which the typical length of embeddings forgets. */
const LENGTH_WINDOW = 1000;

export interface CoordinatesState {
  /** Embeddings whose lengths were seen; counts to LENGTH_WINDOW at most. */
  readonly count: number;
  /** Mean squared length of the embeddings in these coordinates. */
  readonly typical: number;
  /** [dimensions] */
  readonly offset: Float64Array;
  /** [dimensions] */
  readonly scale: Float64Array;
}

/**
 * Coordinates that do not change with what is learned: z = (embedding - offset) * scale, in which the first embeddings have the mean 0, and a
 * variance that is 1 on average over the dimensions (and floored: see standardise.ts). Learners whose state cannot follow a running
 * standardisation work in them.
 */
export class Coordinates {
  readonly offset: Float64Array;
  readonly scale: Float64Array;
  private count: number;
  private typical: number;

  /** @param state Taken over, not copied. */
  constructor(state: CoordinatesState) {
    this.offset = state.offset;
    this.scale = state.scale;
    this.count = state.count;
    this.typical = state.typical;
  }

  /**
   * From the first embeddings of a stream. They are looked at from the shortest to the longest, so that outliers are known as such wherever they
   * stand. While all are equal, the scale is zero.
   */
  static of(embeddings: readonly Float32Array[], dimensions: number): Coordinates {
    const standardiser = new Standardiser(startOfStandardiser(dimensions));
    for (const embedding of fromShortest(embeddings)) standardiser.observe(embedding);
    const squaredLength = standardiser.typicalSquaredLength;
    const factor = squaredLength > 0 ? Math.sqrt(dimensions / squaredLength) : 0;
    const scale = standardiser.scale.map((each) => each * factor);
    return new Coordinates({ count: embeddings.length, typical: dimensions, offset: standardiser.state.mean, scale });
  }

  /** Writes the embedding in these coordinates to `out`. */
  apply(embedding: Float32Array, out: Float64Array): void {
    const { offset, scale } = this;
    for (let d = 0; d < scale.length; d++) out[d] = (embedding[d]! - offset[d]!) * scale[d]!;
  }

  /** As `apply`, for an embedding to learn from: an outlier is brought nearer, and what is typical follows the stream. */
  applyBounded(embedding: Float32Array, out: Float64Array): void {
    this.apply(embedding, out);
    const squaredLength = sumInEightLanes(out, 0, out, out.length);
    const nearness = nearnessOf(squaredLength, this.typical);
    if (nearness < 1) for (let d = 0; d < out.length; d++) out[d] = out[d]! * nearness;
    this.count = Math.min(this.count + 1, LENGTH_WINDOW);
    this.typical += (squaredLength * nearness * nearness - this.typical) / this.count;
  }

  snapshot(): CoordinatesState {
    return { count: this.count, typical: this.typical, offset: this.offset.slice(), scale: this.scale.slice() };
  }
}

function fromShortest(embeddings: readonly Float32Array[]): Float32Array[] {
  const measured = embeddings.map((embedding) => ({
    embedding,
    squaredLength: sumInEightLanes(embedding, 0, embedding, embedding.length),
  }));
  measured.sort((a, b) => a.squaredLength - b.squaredLength);
  return measured.map(({ embedding }) => embedding);
}
