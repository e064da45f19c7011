// Latencies as HDR histograms: they merge without loss, so percentiles of several processes are those of all requests together.
import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js';

const HIGHEST_MS = 3_600_000;
const PER_MS = 1000;

/** Milliseconds in, milliseconds out; held as whole microseconds with three significant digits. */
export class LatencyHistogram {
  private constructor(private readonly histogram: Histogram) {}

  static create(): LatencyHistogram {
    return new LatencyHistogram(build({ numberOfSignificantValueDigits: 3, bitBucketSize: 32 }));
  }

  /** @throws Error when the text is none that `encode` gave */
  static decode(text: string): LatencyHistogram {
    return text === '' ? LatencyHistogram.create() : new LatencyHistogram(decodeFromCompressedBase64(text, 32));
  }

  static merge(texts: Iterable<string>): LatencyHistogram {
    const merged = LatencyHistogram.create();
    for (const text of texts) if (text !== '') merged.histogram.add(LatencyHistogram.decode(text).histogram);
    return merged;
  }

  /** Negative values (clocks of two processes) count as 0, longer ones than an hour as an hour. */
  record(milliseconds: number): void {
    const bounded = Math.min(HIGHEST_MS, Math.max(0, milliseconds));
    this.histogram.recordValue(Math.round(bounded * PER_MS));
  }

  get count(): number {
    return this.histogram.totalCount;
  }

  get mean(): number {
    return this.count === 0 ? Number.NaN : this.histogram.mean / PER_MS;
  }

  get max(): number {
    return this.count === 0 ? Number.NaN : this.histogram.maxValue / PER_MS;
  }

  /** @param p from 0 to 1. @returns NaN when it is empty */
  quantile(p: number): number {
    return this.count === 0 ? Number.NaN : this.histogram.getValueAtPercentile(100 * p) / PER_MS;
  }

  /** Empty text for an empty histogram. */
  encode(): string {
    return this.count === 0 ? '' : encodeIntoCompressedBase64(this.histogram);
  }
}
