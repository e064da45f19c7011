import type { Arithmetic } from '../../../native/index.js';
import { sumInEightLanes } from '../../arithmetic/eight-lanes.js';
import { corrupt } from '../../fold/snapshot-container.js';
import type { LearnerState } from '../learner.js';
import { readFloat64 } from '../read-state.js';
import { AxisFollower } from './axis-follower.js';

/**
 * Rank-one updates that wait, and are then applied together: the matrix is read and written once for all of them. It is larger than a core's
 * caches, and each `multiply` reads it once anyway.
 */
const MOST_PENDING = 16;

/** A precision matrix's state, as it is stored. */
export interface PrecisionState {
  readonly pending: number;
  /** [size (size + 1) / 2] */
  readonly packed: Float64Array;
  /** [pending, size] */
  readonly columns: Float64Array;
  /** [pending] */
  readonly coefficients: Float64Array;
}

/** Numbers in a packed triangle of this size. */
export function packedLength(size: number): number {
  return (size * (size + 1)) / 2;
}

/** Memory of a precision matrix. */
export function precisionBytes(size: number): number {
  return (packedLength(size) + MOST_PENDING * size) * Float64Array.BYTES_PER_ELEMENT;
}

/**
 * P = (prior I + sum of weight x x^T)^-1, kept by rank-one updates (Sherman and Morrison 1950): P' = P - weight (Px)(Px)^T / (1 + weight x·Px).
 * Symmetric by construction, since only its lower triangle is kept. Errors of rounding do not build up: an update multiplies what there is of
 * them by (I - gain x^T) from both sides, which makes nothing larger.
 */
export class Precision {
  private readonly packed: Float64Array;
  /** [MOST_PENDING, size]; P is the packed matrix plus coefficients[k] columns[k] columns[k]^T for the pending k. */
  private readonly columns: Float64Array;
  private readonly coefficients = new Float64Array(MOST_PENDING);
  private pending = 0;
  private readonly rows: readonly Float64Array[];
  private readonly products = new Float64Array(MOST_PENDING);
  private readonly gain: Float64Array;

  /** @param prior The strength of the prior, above 0, or a state to go on from. */
  constructor(
    readonly size: number,
    private readonly arithmetic: Arithmetic,
    prior: number | PrecisionState,
  ) {
    this.packed = new Float64Array(packedLength(size));
    this.columns = new Float64Array(MOST_PENDING * size);
    this.rows = Array.from({ length: MOST_PENDING }, (_, k) => this.columns.subarray(k * size, (k + 1) * size));
    this.gain = new Float64Array(size);
    if (typeof prior === 'number') {
      for (let i = 0, row = 0; i < size; row += ++i) this.packed[row + i] = 1 / prior;
    } else {
      this.packed.set(prior.packed);
      this.columns.set(prior.columns);
      this.coefficients.set(prior.coefficients);
      this.pending = prior.pending;
    }
  }

  get bytes(): number {
    return precisionBytes(this.size);
  }

  /** out = P vector. */
  multiply(vector: Float64Array, out: Float64Array): void {
    const { arithmetic, columns, coefficients, products, pending } = this;
    arithmetic.multiplySymmetric(this.packed, vector, out);
    if (pending === 0) return;
    arithmetic.multiplyRows(columns, vector, pending, products);
    for (let k = 0; k < pending; k++) {
      products[k] = products[k]! * coefficients[k]!;
      arithmetic.addOuter(out, products.subarray(k, k + 1), this.rows[k]!, 1);
    }
  }

  /**
   * Adds weight vector vector^T to what P is the inverse of.
   * @param weight At least 0.
   * @returns the gain P' vector, valid until the next call, and the leverage vector·P vector before
   */
  add(vector: Float64Array, weight: number): { readonly gain: Float64Array; readonly leverage: number } {
    const product = this.rows[this.pending]!;
    this.multiply(vector, product);
    // Never below zero but for rounding.
    const leverage = Math.max(0, sumInEightLanes(vector, 0, product, this.size));
    return { gain: this.update(product, leverage, weight), leverage };
  }

  /**
   * What was added counts less from now on, and the prior as before: P = (kept (P^-1 - prior I) + prior I)^-1.
   * Takes the time of size / 16 passes over the matrix (0.7 s for 2048).
   * @param kept Above 0, at most 1. @param prior What P began with.
   * @param products [>= count, size] Rows P x, which become P x for the new P. @param count Of these rows.
   */
  forget(kept: number, prior: number, products: Float64Array, count: number): void {
    const { packed, coefficients, size } = this;
    for (let i = 0; i < packed.length; i++) packed[i] = packed[i]! / kept;
    for (let k = 0; k < this.pending; k++) coefficients[k] = coefficients[k]! / kept;
    for (let i = 0; i < count * size; i++) products[i] = products[i]! / kept;
    // That took part of the prior away, too: it is given back axis by axis. (Without it, P would grow beyond all bounds.)
    const missing = prior * (1 - kept);
    const follower = new AxisFollower(products, count, size, this.arithmetic);
    for (let axis = 0; axis < size; axis++) {
      const column = this.rows[this.pending]!;
      this.readColumn(axis, column);
      follower.add(axis, missing, this.update(column, Math.max(0, column[axis]!), missing));
    }
    follower.finish();
  }

  /** A copy. What is pending stays so: a snapshot must not change what comes after it. */
  snapshot(): PrecisionState {
    const { pending } = this;
    return {
      pending,
      packed: this.packed.slice(),
      columns: this.columns.slice(0, pending * this.size),
      coefficients: this.coefficients.slice(0, pending),
    };
  }

  /** Adds weight u u^T. @param product P u, in the next place of `rows`. @param leverage u·P u @returns the gain P' u */
  private update(product: Float64Array, leverage: number, weight: number): Float64Array {
    const { gain } = this;
    const shrink = 1 + weight * leverage;
    for (let d = 0; d < gain.length; d++) gain[d] = product[d]! / shrink;
    this.coefficients[this.pending++] = -weight / shrink;
    if (this.pending === MOST_PENDING) this.apply();
    return gain;
  }

  /** out = P e_axis, without the work of a product. */
  private readColumn(axis: number, out: Float64Array): void {
    const { packed, size, rows, coefficients } = this;
    const start = packedLength(axis);
    for (let d = 0; d < axis; d++) out[d] = packed[start + d]!;
    for (let d = axis, row = start; d < size; row += ++d) out[d] = packed[row + axis]!;
    for (let k = 0; k < this.pending; k++) {
      const column = rows[k]!;
      const factor = coefficients[k]! * column[axis]!;
      for (let d = 0; d < size; d++) out[d] = out[d]! + factor * column[d]!;
    }
  }

  private apply(): void {
    this.arithmetic.addSymmetricOuters(this.packed, this.columns, this.coefficients, this.pending);
    this.pending = 0;
  }
}

/**
 * The precision matrix among the arrays of a learner's state, where `arrays` of `Precision.snapshot` were put.
 * @throws LearnerError snapshot_corrupt
 */
export function readPrecision({ arrays }: LearnerState, size: number, pending: number): PrecisionState {
  if (pending >= MOST_PENDING)
    throw corrupt(`${pending} pending updates of a learner, and fewer than ${MOST_PENDING} can be`);
  return {
    pending,
    packed: readFloat64(arrays, 'packed', packedLength(size)),
    columns: readFloat64(arrays, 'columns', pending * size),
    coefficients: readFloat64(arrays, 'coefficients', pending),
  };
}
