import type { LearningObserver, QueueDepth } from '../learning.js';
import type { NatsLink } from '../nats/connection/connection.js';
import type { ServedCache } from '../nats/stores/served-cache.js';
import type { ServedRecords } from '../nats/stores/served-records.js';
import { LabelsDoor } from '../nats/streams/labels-door.js';
import { StreamFollower } from '../nats/streams/stream-follower.js';
import { SERVED_STREAM, type StreamBytes } from '../nats/streams/streams.js';
import type { HeadDirectory } from './head-directory.js';
import { LabelPipeline } from './label-pipeline.js';
import { ParkedLabels } from './parked-labels.js';
import type { SampleWriter } from './sample-writer.js';

export interface LabelIntakeOptions {
  readonly link: NatsLink;
  readonly heads: HeadDirectory;
  readonly served: ServedRecords;
  readonly cache: ServedCache;
  readonly writer: SampleWriter;
  readonly graceMs: number;
  /** When HEADWATER_LABELS was made. */
  readonly labelsCreated: string;
  /** What the streams may hold. */
  readonly bytes: Pick<StreamBytes, 'labels' | 'embed'>;
  readonly observer: LearningObserver;
}

const ARRIVALS_BUFFER = 4_096;

/** The role `join`: labels on their way to the training log, and the arrival of records that parked ones wait for. */
export class LabelIntake {
  private readonly arrivals: StreamFollower;
  private readonly parked: ParkedLabels;
  private readonly pipeline: LabelPipeline;
  private readonly door: LabelsDoor;

  private constructor(private readonly options: LabelIntakeOptions) {
    const { link, heads, served, writer, graceMs, labelsCreated, bytes, observer } = options;
    const onTrouble = (problem: string) => observer.log('warn', problem);
    const common = { link, heads, served, writer, onTrouble };
    this.parked = new ParkedLabels({ ...common, graceMs, onDropped: () => observer.dropped('parked_label') });
    // Headers are enough: the subject says which record came.
    this.arrivals = new StreamFollower(link, {
      stream: SERVED_STREAM,
      filter: 'headwater.served.>',
      after: 'new',
      headersOnly: true,
      buffer: ARRIVALS_BUFFER,
      onTrouble,
    });
    this.door = new LabelsDoor(link, bytes.labels, observer.log);
    this.pipeline = new LabelPipeline({ ...common, parked: this.parked, labelsCreated, embedBytes: bytes.embed });
  }

  static start(options: LabelIntakeOptions): LabelIntake {
    const intake = new LabelIntake(options);
    void intake.tellArrivals();
    return intake;
  }

  get queues(): QueueDepth[] {
    return [{ name: 'parked_labels', depth: this.parked.depth, limit: this.parked.limit }];
  }

  async stop(): Promise<void> {
    await this.door.stop();
    await this.pipeline.stop();
    await this.parked.stop();
    await this.arrivals.stop();
  }

  private async tellArrivals(): Promise<void> {
    for (;;) {
      const messages = await this.arrivals.next(ARRIVALS_BUFFER);
      if (messages.length === 0) return;
      for (const { subject, seq } of messages) {
        this.options.cache.heard(subject, seq);
        this.parked.recordStored(subject);
      }
    }
  }
}
