// The past of a few numbers in bounded memory: fine for the last minutes, coarser the longer ago.

/** How fine, and how many points: 5 minutes by the second, an hour by 10 s, a day by 5 minutes. */
export const TIERS = [
  { everyMs: 1_000, points: 300 },
  { everyMs: 10_000, points: 360 },
  { everyMs: 300_000, points: 288 },
] as const;

/** A timer that fires a little early is on time. */
const SLACK_MS = 100;

/** Time (Unix, ms), then one value a column; NaN: nothing is known. */
export type Row = readonly number[];

/** The last so many rows of a fixed width. */
class Ring {
  private readonly values: Float64Array;
  private next = 0;
  private count = 0;

  constructor(
    private readonly capacity: number,
    private readonly width: number,
  ) {
    this.values = new Float64Array(capacity * width);
  }

  push(row: Row): void {
    this.values.set(row, this.next * this.width);
    this.next = (this.next + 1) % this.capacity;
    this.count = Math.min(this.count + 1, this.capacity);
  }

  /** Oldest first, those after a time. */
  rows(sinceMs: number, beforeMs: number): number[][] {
    const rows: number[][] = [];
    for (let age = this.count; age > 0; age--) {
      const at = ((this.next - age + this.capacity) % this.capacity) * this.width;
      const time = this.values[at]!;
      if (time > sinceMs && time < beforeMs) rows.push([...this.values.subarray(at, at + this.width)]);
    }
    return rows;
  }

  get oldest(): number {
    if (this.count === 0) return Number.POSITIVE_INFINITY;
    return this.values[((this.next - this.count + this.capacity) % this.capacity) * this.width]!;
  }
}

/** Rings of the same columns, one a tier. */
export class Tiers {
  private readonly rings: readonly Ring[];
  private readonly due: number[] = TIERS.map(() => Number.NEGATIVE_INFINITY);

  /** @param columns beside the time */
  constructor(columns: number) {
    this.rings = TIERS.map(({ points }) => new Ring(points, columns + 1));
  }

  /**
   * Notes the values in each tier whose turn it is.
   * @param valuesOf asked for each of them: a tier may sum up what happened since its last row
   */
  record(nowMs: number, valuesOf: (tier: number) => readonly number[]): void {
    for (const [tier, { everyMs }] of TIERS.entries()) {
      if (nowMs < this.due[tier]! - SLACK_MS) continue;
      this.due[tier] = nowMs + everyMs;
      this.rings[tier]!.push([nowMs, ...valuesOf(tier)]);
    }
  }

  /** Rows after a time, oldest first: each from the finest tier that still has that time. */
  rows(sinceMs: number): number[][] {
    let before = Number.POSITIVE_INFINITY;
    const parts: number[][][] = [];
    for (const ring of this.rings) {
      parts.unshift(ring.rows(sinceMs, before));
      before = Math.min(before, ring.oldest);
    }
    return parts.flat();
  }
}
