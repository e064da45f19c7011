import { setTimeout as delay } from 'node:timers/promises';
import { DiscardPolicy, type JetStreamManager, StorageType, type StreamConfig, type StreamInfo } from 'nats';
import { LearnerError } from '../../types.js';
import type { Log, NatsLink } from '../connection/connection.js';
import { describeNatsError, JETSTREAM_ERROR, jetStreamCode } from '../connection/errors.js';
import {
  CLOSED_SUBJECT,
  DEAD_STREAM,
  EMBED_STREAM,
  HEADS_BUCKET,
  IDS_STREAM,
  LABELS_STREAM,
  LEASES_BUCKET,
  reservedBytes,
  SERVED_STREAM,
  type StreamBytes,
  type StreamName,
  type StreamSettings,
  streamConfigs,
  TRAINING_STREAM,
  type WantedConfig,
} from './stream-settings.js';

export * from './stream-settings.js';

const RACE_ATTEMPTS = 10;
const RACE_RETRY_MS = 50;

export interface StreamOptions extends StreamSettings {
  readonly log: Log;
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
  const manager = await link.manager();
  const created: Partial<Record<StreamName, string>> = {};
  for (const config of streamConfigs(options)) {
    const info = await ensureStream(manager, config, options).catch((error) => explain(error, config, link, options));
    created[config.name as StreamName] = await creationTime(manager, info);
  }
  await ensureBuckets(link, manager, options);
  return { created: created as Record<StreamName, string> };
}

async function ensureStream(
  manager: JetStreamManager,
  config: WantedConfig,
  { log }: StreamOptions,
): Promise<StreamInfo> {
  const existing = await addUnlessThere(manager, config);
  const wanted = keepWhatIsStored(config, existing, log);
  const changes = differences(wanted, existing.config);
  if (changes.length === 0) return existing;
  const updated = await manager.streams.update(config.name, wanted);
  log('info', `changed stream ${config.name}: ${changes.join(', ')}`);
  return updated;
}

/** The stream as it is, or as it was made. */
function addUnlessThere(manager: JetStreamManager, config: WantedConfig): Promise<StreamInfo> {
  return outlastRace(async () => (await streamInfo(manager, config.name)) ?? manager.streams.add(config));
}

/**
 * While another process makes the same stream or bucket, nats-server refuses ours for its name or its subjects before it tells that the
 * other exists (seen with 2.9.10): such a refusal counts only when it lasts.
 */
async function outlastRace<T>(make: () => Promise<T>): Promise<T> {
  for (let attempts = 0; ; attempts++) {
    try {
      return await make();
    } catch (error) {
      const code = jetStreamCode(error);
      const race = code === JETSTREAM_ERROR.streamNameInUse || code === JETSTREAM_ERROR.subjectsOverlap;
      if (!race || attempts >= RACE_ATTEMPTS) throw error;
      await delay(RACE_RETRY_MS);
    }
  }
}

/** A stream that another process is making right now has no creation time yet (seen with 2.9.10). */
async function creationTime(manager: JetStreamManager, info: StreamInfo): Promise<string> {
  let { created } = info;
  for (let attempts = 0; created.startsWith('0001-'); attempts++) {
    if (attempts > RACE_ATTEMPTS) {
      throw new LearnerError(
        'nats_unavailable',
        `JetStream does not tell when ${info.config.name} was made; try again`,
      );
    }
    await delay(RACE_RETRY_MS);
    created = (await manager.streams.info(info.config.name)).created;
  }
  return created;
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
 * nats-server deletes what does not fit a lowered limit, even from a stream that refuses new messages when full. Others may be publishing right now, so
 * such a stream's limits are lowered only when it is far from them; Headwater keeps to the new ones by itself (stream-room.ts). One that was
 * closed because it is full is not opened here.
 */
function keepWhatIsStored(config: WantedConfig, { config: existing, state }: StreamInfo, log: Log): WantedConfig {
  if (config.discard !== DiscardPolicy.New) return config;
  const kept = { ...config };
  if (existing.subjects.includes(CLOSED_SUBJECT)) kept.subjects = existing.subjects;
  for (const { key, used } of [
    { key: 'max_bytes', used: state.bytes },
    { key: 'max_msgs', used: state.messages },
  ] as const) {
    const wanted = config[key];
    if (wanted === undefined || wanted <= 0) continue;
    const isLowered = existing[key] <= 0 || existing[key] > wanted;
    if (isLowered && used > wanted / 2) kept[key] = existing[key];
    if (used <= wanted) continue;
    const what = 'holds more than its limit allows: nothing is deleted, and it takes nothing new';
    log('warn', `stream ${config.name} ${what}`, { [key]: wanted, used });
  }
  return kept;
}

/** `setting: is -> wanted`, of what is wanted only. */
function differences(wanted: WantedConfig, existing: StreamConfig): string[] {
  const found: string[] = [];
  for (const [key, value] of Object.entries(wanted)) {
    // nats.js writes empty fields into the configuration it is given.
    if (value === undefined) continue;
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
      await outlastRace<unknown>(create);
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
  [IDS_STREAM]: 'ids',
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
        `NATS at ${link.servers} has too little room for stream ${name}, which asks for ${maxBytes} bytes (all that ask for some: ` +
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
