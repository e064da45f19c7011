import { Latencies } from './latencies.js';
import { TIERS, Tiers } from './tiers.js';

/** Per second, milliseconds, images, and the part of the time that engines computed (1: one engine all the time). */
export const TRAFFIC_COLUMNS = [
  'requests',
  'errors',
  'images',
  'p50Ms',
  'p95Ms',
  'p99Ms',
  'queueDepth',
  'busy',
  'labels',
] as const;

/** What only ever grows, and the queue as it is. */
export interface TrafficCounts {
  readonly images: number;
  readonly computeMs: number;
  readonly queueDepth: number;
  readonly labels: number;
}

/** What happened since the last row of one tier. */
interface Since {
  requests: number;
  errors: number;
  queueDepth: number;
  readonly latencies: Latencies;
  before: (TrafficCounts & { readonly atMs: number }) | undefined;
}

/** Requests of the whole process over time. */
export class Traffic {
  private readonly tiers = new Tiers(TRAFFIC_COLUMNS.length);
  private readonly since: readonly Since[] = TIERS.map(() => ({
    requests: 0,
    errors: 0,
    queueDepth: 0,
    latencies: new Latencies(),
    before: undefined,
  }));

  /** An answered request. @param code a gRPC status name */
  request(code: string, totalMs: number): void {
    for (const since of this.since) {
      since.requests++;
      if (code === 'OK') since.latencies.add(totalMs);
      else since.errors++;
    }
  }

  tick(nowMs: number, counts: TrafficCounts): void {
    for (const since of this.since) since.queueDepth = Math.max(since.queueDepth, counts.queueDepth);
    this.tiers.record(nowMs, (tier) => valuesOf(this.since[tier]!, nowMs, counts));
  }

  /** Part of the time that engines computed in the last ten seconds; NaN: not known yet. */
  get busy(): number {
    const rows = this.tiers.rows(Date.now() - 10_000);
    const column = 1 + TRAFFIC_COLUMNS.indexOf('busy');
    return rows.reduce((sum, row) => sum + row[column]!, 0) / rows.length;
  }

  rows(sinceMs: number): number[][] {
    return this.tiers.rows(sinceMs);
  }
}

/** The values of a row, after which counting begins anew. */
function valuesOf(since: Since, nowMs: number, counts: TrafficCounts): number[] {
  const { requests, errors, queueDepth, latencies, before } = since;
  // Counts of a backbone or head that is gone are gone, too.
  const rate = (now: number, then: number | undefined) =>
    then === undefined || before === undefined ? Number.NaN : (Math.max(0, now - then) / (nowMs - before.atMs)) * 1000;
  const values = [
    rate(requests, 0),
    rate(errors, 0),
    rate(counts.images, before?.images),
    latencies.quantile(0.5),
    latencies.quantile(0.95),
    latencies.quantile(0.99),
    queueDepth,
    rate(counts.computeMs, before?.computeMs) / 1000,
    rate(counts.labels, before?.labels),
  ];
  Object.assign(since, { requests: 0, errors: 0, queueDepth: 0, before: { ...counts, atMs: nowMs } });
  latencies.clear();
  return values;
}
