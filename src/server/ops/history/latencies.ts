const SMALLEST_MS = 0.05;
/** Each bucket is so much wider than the one before: quantiles are right within half of it. */
const GROWTH = 1.1;
const BUCKETS = 150;

/** Durations counted in buckets of growing width: 600 bytes, whatever is counted. From 0.05 ms to 70 s. */
export class Latencies {
  private readonly counts = new Uint32Array(BUCKETS);
  private total = 0;

  add(ms: number): void {
    const bucket = Math.ceil(Math.log(ms / SMALLEST_MS) / Math.log(GROWTH));
    this.counts[Math.min(Math.max(bucket, 0), BUCKETS - 1)]!++;
    this.total++;
  }

  /** Milliseconds; NaN when there are none. @param fraction 0.5 is the median */
  quantile(fraction: number): number {
    const rank = Math.max(1, Math.ceil(fraction * this.total));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS && this.total > 0; bucket++) {
      seen += this.counts[bucket]!;
      if (seen >= rank) return SMALLEST_MS * GROWTH ** (bucket - 0.5);
    }
    return Number.NaN;
  }

  clear(): void {
    this.counts.fill(0);
    this.total = 0;
  }
}
