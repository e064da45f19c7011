import { DiscardPolicy, nanos, RetentionPolicy, StorageType, type StreamConfig } from 'nats';

export const LABELS_STREAM = 'HEADWATER_LABELS';
export const PARKED_STREAM = 'HEADWATER_PARKED';
export const EMBED_STREAM = 'HEADWATER_EMBED';
export const SERVED_STREAM = 'HEADWATER_SERVED';
export const TRAINING_STREAM = 'HEADWATER_TRAINING';
export const DEAD_STREAM = 'HEADWATER_DEAD';
/** Keys of the entries that compaction removed from the training log: an id counts once after that, too. */
export const IDS_STREAM = 'HEADWATER_IDS';
/** Key-value bucket and object store of the snapshots and their pointers. */
export const HEADS_BUCKET = 'headwater-heads';
export const LEASES_BUCKET = 'headwater-leases';

export const LABELS_SUBJECT = 'headwater.label.>';
/** What the label stream takes instead while it is full: nothing is published there. See labels-door.ts. */
export const CLOSED_SUBJECT = 'headwater.closed.label';

export type StreamName =
  | typeof LABELS_STREAM
  | typeof PARKED_STREAM
  | typeof EMBED_STREAM
  | typeof SERVED_STREAM
  | typeof TRAINING_STREAM
  | typeof DEAD_STREAM
  | typeof IDS_STREAM;

/** `nats.streams.<key>`: how many bytes each stream may hold. JetStream reserves those of the streams that have a `max_bytes`. */
export interface StreamBytes {
  readonly labels: number;
  readonly served: number;
  readonly training: number;
  readonly dead: number;
  readonly embed: number;
  /** Ids of removed entries, about 100 bytes each. */
  readonly ids?: number | undefined;
}

const MiB = 2 ** 20;
const GiB = 2 ** 30;

export const DEFAULT_STREAM_BYTES: StreamBytes = {
  labels: 256 * MiB,
  served: GiB,
  training: 4 * GiB,
  dead: 64 * MiB,
  embed: 256 * MiB,
};

/** What HEADWATER_PARKED may hold. */
export const PARKED_BYTES = 256 * MiB;
const IDS_BYTES = 256 * MiB;
const PARKED_MESSAGES = 1_000_000;
/** A stored label has more bytes than this, so a stream's bytes bound the number of its messages. */
const FEWEST_LABEL_BYTES = 64;
/** The served records outlive the join window, so that a label a little too late is told from an unknown one. */
const SERVED_EXTRA_MS = 3_600_000;

export interface StreamSettings {
  readonly replicas: number;
  /** How long a label can join, in milliseconds (`labels.window`). */
  readonly windowMs: number;
  /** How long an id is remembered after its entry was removed (`labels.dedupe`). */
  readonly dedupeMs?: number | undefined;
  /** Ids are written at least so long before their entries are removed, see heads/compaction.ts. */
  readonly fenceMs?: number | undefined;
  readonly bytes: StreamBytes;
}

/** See docs/decisions/0010-compaction.md. */
export const DEFAULT_FENCE_MS = 3_600_000;
const DEFAULT_DEDUPE_MS = 30 * 86_400_000;

export type WantedConfig = Partial<StreamConfig> & Pick<StreamConfig, 'name' | 'discard' | 'max_bytes'>;

/** The streams' settings: pure, from the options. */
export function streamConfigs({ replicas, windowMs, bytes, ...ids }: StreamSettings): WantedConfig[] {
  const common = { storage: StorageType.File, num_replicas: replicas };
  // Their bytes are Headwater's to limit: docs/decisions/0011-full-streams.md.
  const workQueue = {
    ...common,
    retention: RetentionPolicy.Workqueue,
    discard: DiscardPolicy.New,
    max_bytes: -1,
    allow_direct: false,
  };
  const limits = { ...common, retention: RetentionPolicy.Limits };
  const idsAge = nanos(idsAgeMs(ids.dedupeMs ?? DEFAULT_DEDUPE_MS, ids.fenceMs ?? DEFAULT_FENCE_MS));
  return [
    { ...workQueue, name: LABELS_STREAM, subjects: [LABELS_SUBJECT], max_msgs: mostLabels(bytes.labels) },
    { ...workQueue, name: PARKED_STREAM, subjects: ['headwater.parked.>'], max_msgs: PARKED_MESSAGES },
    { ...workQueue, name: EMBED_STREAM, subjects: ['headwater.embed.>'], max_msgs: mostLabels(bytes.embed) },
    {
      ...limits,
      name: SERVED_STREAM,
      subjects: ['headwater.served.*.*.*'],
      discard: DiscardPolicy.Old,
      max_age: nanos(windowMs + SERVED_EXTRA_MS),
      max_bytes: bytes.served,
      max_msgs_per_subject: 8,
      allow_direct: true,
    },
    {
      ...limits,
      name: TRAINING_STREAM,
      subjects: ['headwater.training.*.*.*'],
      discard: DiscardPolicy.New,
      discard_new_per_subject: true,
      max_msgs_per_subject: 1,
      max_bytes: bytes.training,
      allow_direct: true,
      deny_purge: false,
    },
    {
      ...limits,
      name: DEAD_STREAM,
      subjects: ['headwater.dead.>'],
      discard: DiscardPolicy.Old,
      max_bytes: bytes.dead,
    },
    {
      ...limits,
      name: IDS_STREAM,
      subjects: ['headwater.ids.*.*.*'],
      // Full: compaction stops rather than an id is forgotten. An id that is written again replaces the one before.
      discard: DiscardPolicy.New,
      max_msgs_per_subject: 1,
      max_age: idsAge,
      duplicate_window: Math.min(nanos(120_000), idsAge),
      max_bytes: bytes.ids ?? IDS_BYTES,
      allow_direct: true,
    },
  ];
}

/** Ids are written one to two fence intervals before their entries are removed (and some time goes by while they are written). */
function idsAgeMs(dedupeMs: number, fenceMs: number): number {
  return Math.max(1_000, dedupeMs + 3 * fenceMs);
}

function mostLabels(bytes: number): number {
  return Math.ceil(bytes / FEWEST_LABEL_BYTES);
}

/** Bytes that JetStream must have for the streams that it reserves room for, before any replication. */
export function reservedBytes(bytes: StreamBytes): number {
  return bytes.served + bytes.training + bytes.dead + (bytes.ids ?? IDS_BYTES);
}
