// What is read from a server's /metrics, as plain numbers. NaN: it does not tell.
import { bucketQuantile, bucketsBetween, type MetricsText } from '../servers/metrics-text.js';

/** The server at one moment. */
export interface Sample {
  /** Seconds from the begin of the scenario. */
  readonly second: number;
  readonly residentBytes: number;
  /** Images that wait. */
  readonly queueDepth: number;
  /** Milliseconds, since the sample before. */
  readonly eventLoopP99: number;
  /** Sockets, child processes and the like that are open. */
  readonly handles: number;
  /** Entries of all buffers. */
  readonly buffered: number;
  /** Images a batch since the sample before. */
  readonly batch: number;
}

/** What changed between two moments. Durations in milliseconds. */
export interface ServerChange {
  readonly eventLoopP99: number;
  /** Time of answered requests without decoding, waiting and computing. */
  readonly overheadMedian: number;
  readonly overheadP99: number;
  /** Requests by gRPC status. */
  readonly codes: Readonly<Record<string, number>>;
  readonly meanBatch: number;
  readonly labelsTrained: number;
  /** Versions of heads that became newer. */
  readonly swaps: number;
}

const EVENT_LOOP = 'headwater_event_loop_delay_seconds';
const OVERHEAD = 'headwater_request_overhead_seconds';

export function sampleOf(second: number, before: MetricsText, after: MetricsText): Sample {
  return {
    second,
    residentBytes: after.sum('process_resident_memory_bytes'),
    queueDepth: after.sum('headwater_queue_depth'),
    eventLoopP99: 1000 * bucketQuantile(bucketsBetween(before, after, EVENT_LOOP), 0.99),
    handles: after.sum('nodejs_active_handles_total'),
    buffered: after.sum('headwater_buffer_depth'),
    batch: meanBatch(before, after),
  };
}

export function changeBetween(before: MetricsText, after: MetricsText): ServerChange {
  const overhead = bucketsBetween(before, after, OVERHEAD);
  const codes: Record<string, number> = {};
  for (const { labels, value } of after.all('headwater_requests_total')) {
    codes[labels.code ?? ''] = (codes[labels.code ?? ''] ?? 0) + value;
  }
  for (const { labels, value } of before.all('headwater_requests_total')) {
    codes[labels.code ?? ''] = (codes[labels.code ?? ''] ?? 0) - value;
  }
  const grown = (name: string, labels = {}) => after.sum(name, labels) - (before.sum(name, labels) || 0);
  return {
    eventLoopP99: 1000 * bucketQuantile(bucketsBetween(before, after, EVENT_LOOP), 0.99),
    overheadMedian: 1000 * bucketQuantile(overhead, 0.5),
    overheadP99: 1000 * bucketQuantile(overhead, 0.99),
    codes,
    meanBatch: meanBatch(before, after),
    labelsTrained: grown('headwater_labels_total', { result: 'trained' }),
    swaps: grown('headwater_head_version'),
  };
}

function meanBatch(before: MetricsText, after: MetricsText): number {
  const grown = (name: string) => after.sum(name) - before.sum(name);
  return grown('headwater_batch_size_sum') / grown('headwater_batch_size_count');
}
