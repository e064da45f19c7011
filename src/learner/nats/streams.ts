import {
  DiscardPolicy,
  type JetStreamManager,
  nanos,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from 'nats';
import { LearnerError } from '../types.js';
import type { Log, NatsLink } from './connection.js';
import { describeNatsError, JETSTREAM_ERROR, jetStreamCode } from './errors.js';

export const LABELS_STREAM = 'HEADWATER_LABELS';
export const PARKED_STREAM = 'HEADWATER_PARKED';
export const EMBED_STREAM = 'HEADWATER_EMBED';
export const SERVED_STREAM = 'HEADWATER_SERVED';
export const TRAINING_STREAM = 'HEADWATER_TRAINING';
export const DEAD_STREAM = 'HEADWATER_DEAD';
/** Key-value bucket and object store of the snapshots and their pointers. */
export const HEADS_BUCKET = 'headwater-heads';
export const LEASES_BUCKET = 'headwater-leases';

export type StreamName =
  | typeof LABELS_STREAM
  | typeof PARKED_STREAM
  | typeof EMBED_STREAM
  | typeof SERVED_STREAM
  | typeof TRAINING_STREAM
  | typeof DEAD_STREAM;

/** `nats.streams.<key>`: how many bytes each stream may hold. JetStream reserves them when the stream is made. */
export interface StreamBytes {
  readonly labels: number;
  readonly served: number;
  readonly training: number;
  readonly dead: number;
  readonly embed: number;
}

const MiB = 2 ** 20;
const GiB = 2 ** 30;

export const DEFAULT_STREAM_BYTES: StreamBytes = {
  labels: GiB,
  served: 4 * GiB,
  training: 16 * GiB,
  dead: 256 * MiB,
  embed: 2 * GiB,
};

const PARKED_BYTES = 256 * MiB;
const PARKED_MESSAGES = 1_000_000;
/** The served records outlive the join window, so that a label a little too late is told from an unknown one. */
const SERVED_EXTRA_MS = 3_600_000;

export interface StreamOptions {
  readonly replicas: number;
  /** How long a label can join, in milliseconds (`labels.window`). */
  readonly windowMs: number;
  readonly bytes: StreamBytes;
  readonly log: Log;
}

type WantedConfig = Partial<StreamConfig> & Pick<StreamConfig, 'name' | 'discard' | 'max_bytes'>;

/** The streams' settings: pure, from the options. */
export function streamConfigs({ replicas, windowMs, bytes }: Omit<StreamOptions, 'log'>): WantedConfig[] {
  const common = { storage: StorageType.File, num_replicas: replicas };
  const workQueue = {
    ...common,
    retention: RetentionPolicy.Workqueue,
    discard: DiscardPolicy.New,
    allow_direct: false,
  };
  const limits = { ...common, retention: RetentionPolicy.Limits };
  return [
    { ...workQueue, name: LABELS_STREAM, subjects: ['headwater.label.>'], max_bytes: bytes.labels },
    {
      ...workQueue,
      name: PARKED_STREAM,
      subjects: ['headwater.parked.>'],
      max_msgs: PARKED_MESSAGES,
      max_bytes: PARKED_BYTES,
    },
    { ...workQueue, name: EMBED_STREAM, subjects: ['headwater.embed.>'], max_bytes: bytes.embed },
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
  ];
}

/** Bytes that JetStream must have for all streams, before any replication. */
export function reservedBytes(bytes: StreamBytes): number {
  return bytes.labels + PARKED_BYTES + bytes.embed + bytes.served + bytes.training + bytes.dead;
}

export interface EnsuredStreams {
  /** Creation time as the server tells it: with a sequence it makes a log position. */
  readonly created: Readonly<Record<StreamName, string>>;
}

/**
 * Makes the streams, buckets and the object store that are missing and brings those that exist to the settings wanted. No
 * message is lost by it, but from streams that drop their oldest when they get less room. Several processes may call it at once.
 * @throws LearnerError nats_setup: what exists can't become what is wanted, or the server has too little room;
 * nats_unavailable: JetStream does not answer.
 */
export async function ensureStreams(link: NatsLink, options: StreamOptions): Promise<EnsuredStreams> {
  const manager = await link.connection.jetstreamManager({ checkAPI: false });
  const created: Partial<Record<StreamName, string>> = {};
  for (const config of streamConfigs(options)) {
    const info = await ensureStream(manager, config, options).catch((error) => explain(error, config, link, options));
    created[config.name as StreamName] = info.created;
  }
  await ensureBuckets(link, manager, options);
  return { created: created as Record<StreamName, string> };
}

async function ensureStream(
  manager: JetStreamManager,
  config: WantedConfig,
  { log }: StreamOptions,
): Promise<StreamInfo> {
  const existing = await streamInfo(manager, config.name);
  if (existing === undefined) {
    try {
      return await manager.streams.add(config);
    } catch (error) {
      // Another process has just made it, with other settings.
      if (jetStreamCode(error) !== JETSTREAM_ERROR.streamNameInUse) throw error;
      return ensureStream(manager, config, { log } as StreamOptions);
    }
  }
  const wanted = keepWhatIsStored(config, existing, log);
  const changes = differences(wanted, existing.config);
  if (changes.length === 0) return existing;
  const updated = await manager.streams.update(config.name, wanted);
  log('info', `changed stream ${config.name}: ${changes.join(', ')}`);
  return updated;
}

async function streamInfo(manager: JetStreamManager, name: string): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(name);
  } catch (error) {
    if (jetStreamCode(error) === JETSTREAM_ERROR.streamNotFound) return undefined;
    throw error;
  }
}

/**
 * nats-server deletes what does not fit a lowered limit, even from a stream that refuses new messages when full: such a
 * stream keeps the room it uses, and is simply full.
 */
function keepWhatIsStored(config: WantedConfig, { state }: StreamInfo, log: Log): WantedConfig {
  if (config.discard !== DiscardPolicy.New) return config;
  const kept = { ...config };
  if (state.bytes > config.max_bytes) kept.max_bytes = state.bytes;
  if (config.max_msgs !== undefined && state.messages > config.max_msgs) kept.max_msgs = state.messages;
  if (kept.max_bytes !== config.max_bytes || kept.max_msgs !== config.max_msgs) {
    log(
      'warn',
      `stream ${config.name} holds more than its limit allows: nothing is deleted, and it takes nothing new`,
      {
        bytes: state.bytes,
        maxBytes: config.max_bytes,
        messages: state.messages,
      },
    );
  }
  return kept;
}

/** `setting: is -> wanted`, of what is wanted only. */
function differences(wanted: WantedConfig, existing: StreamConfig): string[] {
  const found: string[] = [];
  for (const [key, value] of Object.entries(wanted)) {
    const is: unknown = existing[key as keyof StreamConfig];
    // The server leaves out what is false.
    const same = JSON.stringify(is ?? false) === JSON.stringify(value);
    if (!same) found.push(`${key}: ${JSON.stringify(is)} -> ${JSON.stringify(value)}`);
  }
  return found;
}

async function ensureBuckets(link: NatsLink, manager: JetStreamManager, options: StreamOptions): Promise<void> {
  const { replicas, log } = options;
  const views = link.jetstream().views;
  const make = [
    { stream: `KV_${HEADS_BUCKET}`, create: () => views.kv(HEADS_BUCKET, { history: 1, replicas }) },
    { stream: `KV_${LEASES_BUCKET}`, create: () => views.kv(LEASES_BUCKET, { history: 1, replicas }) },
    { stream: `OBJ_${HEADS_BUCKET}`, create: () => views.os(HEADS_BUCKET, { storage: StorageType.File, replicas }) },
  ];
  for (const { stream, create } of make) {
    try {
      await create();
      const info = await manager.streams.info(stream);
      if (info.config.num_replicas === replicas) continue;
      await manager.streams.update(stream, { num_replicas: replicas });
      log('info', `changed stream ${stream}: num_replicas: ${info.config.num_replicas} -> ${replicas}`);
    } catch (error) {
      explain(error, { name: stream }, link, options);
    }
  }
}

const BYTES_KEYS: Readonly<Record<string, keyof StreamBytes>> = {
  [LABELS_STREAM]: 'labels',
  [EMBED_STREAM]: 'embed',
  [SERVED_STREAM]: 'served',
  [TRAINING_STREAM]: 'training',
  [DEAD_STREAM]: 'dead',
};

/** Throws what the operator can act on. */
function explain(
  error: unknown,
  config: Partial<WantedConfig> & { name: string },
  link: NatsLink,
  options: StreamOptions,
): never {
  const { name, max_bytes: maxBytes } = config;
  const cause = { cause: error };
  const setup = (text: string) => new LearnerError('nats_setup', text, cause);
  switch (jetStreamCode(error)) {
    case JETSTREAM_ERROR.insufficientStorage: {
      const key = BYTES_KEYS[name];
      const lower = key === undefined ? 'nats.streams.*' : `nats.streams.${key}`;
      throw setup(
        `NATS at ${link.servers} has too little room for stream ${name}, which asks for ${maxBytes} bytes (all streams: ` +
          `${reservedBytes(options.bytes)}); lower ${lower} or raise the server's jetstream max_file_store`,
      );
    }
    case JETSTREAM_ERROR.replicasNeedCluster:
      throw setup(
        `NATS at ${link.servers} is a single server, so nats.replicas can't be ${options.replicas}; set it to 1 or name a cluster`,
      );
    case JETSTREAM_ERROR.subjectsOverlap:
      throw setup(
        `another stream at ${link.servers} takes subjects of ${name} already; remove that stream or its subjects`,
      );
    case JETSTREAM_ERROR.notEnabled:
    case JETSTREAM_ERROR.notEnabledForAccount:
      throw setup(
        `NATS at ${link.servers} has no JetStream for this account; start nats-server with -js or enable the account`,
      );
    case undefined:
    case JETSTREAM_ERROR.temporarilyUnavailable:
      throw new LearnerError(
        'nats_unavailable',
        `stream ${name} can't be set up at ${link.servers}: ${describeNatsError(error)}; does it run with JetStream?`,
        cause,
      );
    default:
      throw setup(
        `stream ${name} at ${link.servers} can't be set up: ${describeNatsError(error)}; ` +
          'if it was made by something else, remove it or use another NATS account',
      );
  }
}
