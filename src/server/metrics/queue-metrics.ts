// The queues in front of the backbones, read when they are asked for: nothing is counted twice.
import { Counter, Gauge, type Registry } from 'prom-client';
import { PRIORITIES } from '../batching/admission.js';
import type { Batcher } from '../batching/batcher.js';
import { DROPPED_REASONS, REFUSED_REASONS } from '../batching/counts.js';

type Read = (batcher: Batcher) => number;

/** @param batchers by the name of their backbone */
export function addQueueMetrics(registry: Registry, batchers: () => Iterable<readonly [string, Batcher]>): void {
  const gauge = (name: string, help: string, read: Read) => {
    new Gauge({
      ...{ name, help, labelNames: ['backbone'], registers: [registry] },
      collect() {
        this.reset();
        for (const [backbone, batcher] of batchers()) this.set({ backbone }, read(batcher));
      },
    });
  };
  gauge('headwater_queue_depth', 'Images admitted that are in no batch yet', ({ depth }) => depth);
  gauge('headwater_queue_limit', 'Images that can be admitted', ({ limit }) => limit);
  gauge('headwater_queue_bytes', 'Bytes of the images that are in no batch yet', ({ bytes }) => bytes);
  gauge('headwater_queue_bytes_limit', 'Bytes that can be admitted', ({ bytesLimit }) => bytesLimit);

  new Gauge({
    name: 'headwater_queue_priority_depth',
    help: 'Images admitted that are in no batch yet, by what they are for',
    labelNames: ['backbone', 'priority'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [backbone, batcher] of batchers()) {
        for (const priority of PRIORITIES) this.set({ backbone, priority }, batcher.depthOf(priority));
      }
    },
  });

  const counter = <T extends string>(
    name: string,
    help: string,
    label: string,
    values: readonly T[],
    read: (batcher: Batcher, value: T) => number,
  ) => {
    new Counter({
      ...{ name, help, labelNames: ['backbone', label], registers: [registry] },
      collect() {
        this.reset();
        for (const [backbone, batcher] of batchers()) {
          for (const value of values) this.inc({ backbone, [label]: value }, read(batcher, value));
        }
      },
    });
  };
  counter(
    'headwater_queue_refused_total',
    'Requests not admitted: full of images, bytes or of this client, too large, too late, stopping',
    'reason',
    REFUSED_REASONS,
    (batcher, reason) => batcher.counts.refused[reason],
  );
  counter(
    'headwater_queue_dropped_total',
    'Requests admitted and not run to their end',
    'reason',
    DROPPED_REASONS,
    (batcher, reason) => batcher.counts.dropped[reason],
  );
  counter(
    'headwater_engine_seconds_total',
    'Seconds that the engine computed; the time of a mixed batch is divided by images',
    'priority',
    PRIORITIES,
    (batcher, priority) => batcher.counts.computeNs[priority] / 1e9,
  );
}
