import type { MetricsText } from './metrics-text.js';

/** What load goes to: Headwater, or the baseline. */
export interface ServerUnderTest {
  readonly name: string;
  /** host:port of gRPC. */
  readonly address: string;
  /** What it tells of itself; undefined: it tells nothing. */
  metrics(): Promise<MetricsText | undefined>;
  stop(): Promise<number | string>;
}
