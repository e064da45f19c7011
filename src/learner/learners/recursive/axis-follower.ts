import type { Arithmetic } from '../../../native/index.js';

/** Updates that are applied together: the rows are read and written once for all of them. */
const MOST_PENDING = 16;
/** Numbers of rows that are worked on together, so that they stay in a core's second cache while all updates are added. */
const TILE = 32_768;

/**
 * Keeps the rows R = X P right, whatever X is, while weight e_d e_d^T is added for one axis d after the other to what P is the inverse of: each takes
 * weight (R e_d) gain^T away from R.
 */
export class AxisFollower {
  private pending = 0;
  private readonly gains: Float64Array[];
  /** By update: of each row. */
  private readonly coefficients: Float64Array[];

  /** @param rows [>= count, size], changed. Complete after `finish`. */
  constructor(
    private readonly rows: Float64Array,
    private readonly count: number,
    private readonly size: number,
    private readonly arithmetic: Arithmetic,
  ) {
    this.gains = Array.from({ length: MOST_PENDING }, () => new Float64Array(size));
    this.coefficients = Array.from({ length: MOST_PENDING }, () => new Float64Array(count));
  }

  /** @param gain P' e_d, copied. */
  add(axis: number, weight: number, gain: Float64Array): void {
    const { rows, count, size, pending } = this;
    const coefficients = this.coefficients[pending]!;
    for (let r = 0; r < count; r++) {
      let value = rows[r * size + axis]!;
      for (let k = 0; k < pending; k++) value += this.coefficients[k]![r]! * this.gains[k]![axis]!;
      coefficients[r] = -weight * value;
    }
    this.gains[pending]!.set(gain);
    this.pending += 1;
    if (this.pending === MOST_PENDING) this.finish();
  }

  /** Adds what is pending. */
  finish(): void {
    const { rows, count, size, arithmetic } = this;
    const tile = Math.max(1, Math.floor(TILE / size));
    for (let from = 0; from < count; from += tile) {
      const end = Math.min(count, from + tile);
      const part = rows.subarray(from * size, end * size);
      for (let k = 0; k < this.pending; k++) {
        arithmetic.addOuter(part, this.coefficients[k]!.subarray(from, end), this.gains[k]!, end - from);
      }
    }
    this.pending = 0;
  }
}
