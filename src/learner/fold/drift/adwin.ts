import { log } from '../../head/log.js';

/** Buckets of one size; one more, and the two oldest become one of the next size (the paper's M). */
const BUCKETS_A_ROW = 5;
/** Cuts are looked for when so many values have come; MOA and river do the same. */
const CHECK_EVERY = 32;
/** Neither side of a cut may be shorter. */
const SHORTEST_SIDE = 5;

export interface AdwinState {
  /** rows[i]: the sums of buckets of 2^i values each, oldest first. The larger a bucket, the older. */
  readonly rows: number[][];
  /** Values that were added since the last look for cuts. */
  sinceCheck: number;
}

/** Two parts of the window whose means differ. */
export interface Cut {
  /** Mean of the older and of the newer part. */
  readonly before: number;
  readonly after: number;
  /** Values in the newer part. */
  readonly recent: number;
}

/**
 * ADWIN2 (Bifet and Gavalda 2007, sections 3 and 4) over zeros and ones: a window that is as long as its mean has not changed, as an exponential
 * histogram, so it needs O(log n) memory. Two parts of it differ when their means are further apart than
 * sqrt(2/m s^2 ln(2/d')) + 2/(3m) ln(2/d'), with s^2 the window's variance, 1/m = 1/n0 + 1/n1 and d' = delta / ln n.
 * Other than in the paper, where buckets are dropped one by one until no parts differ, all before the clearest cut is dropped at once.
 */
export class Adwin {
  /** @param state Taken over, not copied. */
  constructor(private readonly state: AdwinState = { rows: [[]], sinceCheck: 0 }) {}

  /** Values in the window. */
  get width(): number {
    return this.totals().width;
  }

  /** Of the values in the window; 0 when there are none. */
  get mean(): number {
    const { width, sum } = this.totals();
    return width === 0 ? 0 : sum / width;
  }

  /** @returns whether it is time to look for a cut. @param value 0 or 1. */
  add(value: number): boolean {
    const { rows } = this.state;
    rows[0]!.push(value);
    for (let i = 0; rows[i]!.length > BUCKETS_A_ROW; i++) {
      const [oldest, next] = rows[i]!.splice(0, 2);
      rows[i + 1] ??= [];
      rows[i + 1]!.push(oldest! + next!);
    }
    this.state.sinceCheck = (this.state.sinceCheck + 1) % CHECK_EVERY;
    return this.state.sinceCheck === 0;
  }

  /** The cut at which the parts differ most; undefined: none differ. */
  findCut(delta: number): Cut | undefined {
    const { width, sum } = this.totals();
    if (width < 2 * SHORTEST_SIDE) return undefined;
    const mean = sum / width;
    const confidence = log((2 * log(width)) / delta);
    let best: { cut: Cut; clarity: number } | undefined;
    let older = 0;
    let olderSum = 0;
    for (const { size, sum: bucketSum } of this.oldestFirst()) {
      older += size;
      olderSum += bucketSum;
      const newer = width - older;
      if (newer < SHORTEST_SIDE) break;
      if (older < SHORTEST_SIDE) continue;
      const before = olderSum / older;
      const after = (sum - olderSum) / newer;
      const m = 1 / (1 / older + 1 / newer);
      const limit = Math.sqrt((2 / m) * mean * (1 - mean) * confidence) + (2 / (3 * m)) * confidence;
      const clarity = Math.abs(before - after) / limit;
      if (clarity > 1 && clarity > (best?.clarity ?? 0)) best = { cut: { before, after, recent: newer }, clarity };
    }
    return best?.cut;
  }

  /** Forgets all but the newest `recent` values, a number that `findCut` gave. */
  keep(recent: number): void {
    let excess = this.width - recent;
    for (const { row, size } of this.largestFirst()) {
      while (excess > 0 && row.length > 0) {
        row.shift();
        excess -= size;
      }
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.state.rows.splice(0, Infinity, []);
    this.state.sinceCheck = 0;
  }

  snapshot(): AdwinState {
    return { rows: this.state.rows.map((row) => [...row]), sinceCheck: this.state.sinceCheck };
  }

  private totals(): { width: number; sum: number } {
    let width = 0;
    let sum = 0;
    for (const bucket of this.oldestFirst()) {
      width += bucket.size;
      sum += bucket.sum;
    }
    return { width, sum };
  }

  private *oldestFirst(): Iterable<{ size: number; sum: number }> {
    for (const { row, size } of this.largestFirst()) for (const sum of row) yield { size, sum };
  }

  /** Rows with the size of their buckets. */
  private largestFirst(): { row: number[]; size: number }[] {
    let size = 0.5;
    return this.state.rows
      .map((row) => {
        size *= 2;
        return { row, size };
      })
      .reverse();
  }
}
