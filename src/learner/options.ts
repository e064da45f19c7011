import type { HeadRequest, ImageEmbedder, LearningObserver } from './learning.js';
import type { NatsSecurity } from './nats/connection/nats-security.js';
import type { StreamBytes } from './nats/streams/streams.js';

export type Role = 'serve' | 'join' | 'learn';

/** When snapshots are due, and which versions stay. */
export interface SnapshotPolicy {
  /** A version is due after so many samples... */
  readonly everySamples: number;
  /** ... or so long after the last one, if anything was learned since. */
  readonly everyMs: number;
  /** The newest so many versions stay servable... */
  readonly keep: number;
  /** ... and of the older ones, as long as they are not older than this, fewer and fewer: about one for each doubling of the age. */
  readonly keepForMs: number;
  /** The learners' state is stored with a version so long after the last one that was, at least; larger states less often. */
  readonly stateEveryMs: number;
}

export interface LearningOptions {
  /** Holds the embedded nats-server's data. */
  readonly dataDir: string;
  readonly roles: readonly Role[];
  /** Its security is that of an outside server: the embedded one has its own. */
  readonly nats: NatsSecurity & {
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
    /** How long an id is remembered after its entry was removed from the training log. */
    readonly dedupeMs: number;
  };
  readonly learn: {
    /** What the learners' states of all heads that this process teaches may take together. */
    readonly memoryBytes: number;
    /** A learner that is not heard of for so long loses its heads to the others. */
    readonly leaseMs: number;
  };
  /** Which entries of a training log stay: those that either limit keeps. null: no such limit; both null: all stay. */
  readonly training: {
    readonly keepSamples: number | null;
    readonly keepMs: number | null;
    /** How long ids are written before their entries are removed; an hour unless a test says otherwise. */
    readonly fenceMs?: number | undefined;
  };
  readonly snapshots: SnapshotPolicy;
  /** One for each backbone that this process serves: image labels are embedded by them. */
  readonly embedders: readonly ImageEmbedder[];
  /** Declared in the configuration: created unless they exist. */
  readonly heads: readonly HeadRequest[];
  readonly observer: LearningObserver;
}
