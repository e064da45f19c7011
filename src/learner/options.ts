import type { SnapshotPolicy } from './heads/head-learner.js';
import type { HeadRequest, ImageEmbedder, LearningObserver } from './learning.js';
import type { StreamBytes } from './nats/streams.js';

export type Role = 'serve' | 'join' | 'learn';

export interface LearningOptions {
  /** Holds the embedded nats-server's data. */
  readonly dataDir: string;
  readonly roles: readonly Role[];
  readonly nats: {
    /** null: this process starts its own nats-server in `dataDir`. */
    readonly url: string | readonly string[] | null;
    readonly replicas: number;
    readonly serverBinary: string | null;
    readonly streams: StreamBytes;
  };
  readonly labels: {
    /** How long a label can join. */
    readonly windowMs: number;
    /** How long a label may precede its record. */
    readonly graceMs: number;
    readonly record: 'durable' | 'async';
  };
  readonly snapshots: SnapshotPolicy;
  /** One for each backbone that this process serves: image labels are embedded by them. */
  readonly embedders: readonly ImageEmbedder[];
  /** Declared in the configuration: created unless they exist. */
  readonly heads: readonly HeadRequest[];
  readonly observer: LearningObserver;
}
