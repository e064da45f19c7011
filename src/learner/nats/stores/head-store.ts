import type { KV, KvEntry } from 'nats';
import { LearnerError } from '../../types.js';
import type { NatsLink } from '../connection/connection.js';
import { JETSTREAM_ERROR, jetStreamCode } from '../connection/errors.js';
import { HEADS_BUCKET } from '../streams/streams.js';
import { BucketFollower, type BucketListener } from './bucket-follower.js';
import { type HeadKey, type HeadKeyValues, headKeySchemas } from './head-keys.js';

export type {
  CompactionRecord,
  DamagedVersion,
  HeadKey,
  LatestPointer,
  ServingPin,
  StoredDefinition,
} from './head-keys.js';

/** A value with the revision that a compare-and-set must name. */
export interface Stored<T> {
  readonly value: T;
  readonly revision: number;
}

/** One key of one head as it changed; `stored` is undefined once it is deleted. */
export type HeadChange = {
  [K in HeadKey]: {
    readonly head: string;
    readonly key: K;
    readonly stored: Stored<HeadKeyValues[K]> | undefined;
    /** Of the change, a removal's too. */
    readonly revision: number;
  };
}[HeadKey];

/** The key-value bucket headwater-heads. */
export class HeadStore {
  private constructor(
    private readonly kv: KV,
    private readonly link: NatsLink,
  ) {}

  static async open(link: NatsLink): Promise<HeadStore> {
    return new HeadStore(await link.jetstream().views.kv(HEADS_BUCKET, { bindOnly: true, allow_direct: false }), link);
  }

  async get<K extends HeadKey>(head: string, key: K): Promise<Stored<HeadKeyValues[K]> | undefined> {
    const entry = await this.kv.get(`${head}.${key}`);
    return entry === null ? undefined : parse(key, entry);
  }

  /**
   * Writes if the key still is at `revision` (undefined: if it does not exist).
   * @returns the new revision; undefined when somebody else wrote first
   */
  async compareAndSet<K extends HeadKey>(
    head: string,
    key: K,
    value: HeadKeyValues[K],
    revision: number | undefined,
  ): Promise<number | undefined> {
    const bytes = JSON.stringify(value);
    try {
      return revision === undefined
        ? await this.kv.create(`${head}.${key}`, bytes)
        : await this.kv.update(`${head}.${key}`, bytes, revision);
    } catch (error) {
      if (jetStreamCode(error) === JETSTREAM_ERROR.wrongLastSequence) return undefined;
      throw error;
    }
  }

  /** @returns the new revision */
  put<K extends HeadKey>(head: string, key: K, value: HeadKeyValues[K]): Promise<number> {
    return this.kv.put(`${head}.${key}`, JSON.stringify(value));
  }

  /** @returns the revision of the removal */
  async remove(head: string, key: HeadKey): Promise<number> {
    await this.kv.delete(`${head}.${key}`);
    return (await this.kv.get(`${head}.${key}`))?.revision ?? 0;
  }

  /** Removes a key if what it holds is of this generation, or of an older one: a newer head of that name may have been made meanwhile. */
  async removeOf(generation: number, head: string, key: Exclude<HeadKey, 'definition'>): Promise<void> {
    const stored = await this.get(head, key);
    if (stored === undefined || stored.value.generation > generation) return;
    try {
      await this.kv.delete(`${head}.${key}`, { previousSeq: stored.revision });
    } catch (error) {
      if (jetStreamCode(error) !== JETSTREAM_ERROR.wrongLastSequence) throw error;
    }
  }

  /** Tells every key there is, then every change, once it is started. A value that is not Headwater's is trouble, and left alone. */
  follower(onChange: (change: HeadChange) => void, listener: BucketListener): BucketFollower {
    const onEntry = (entry: KvEntry) => {
      const change = toChange(entry);
      if (change) onChange(change);
    };
    const { onLoaded, onTrouble } = listener;
    return new BucketFollower({ link: this.link, kv: this.kv, bucket: HEADS_BUCKET, onEntry, onLoaded, onTrouble });
  }
}

function toChange(entry: KvEntry): HeadChange | undefined {
  const dot = entry.key.lastIndexOf('.');
  const head = entry.key.slice(0, dot);
  const key = entry.key.slice(dot + 1);
  if (dot < 1 || !(key in headKeySchemas)) return undefined;
  const stored = parse(key as HeadKey, entry);
  return { head, key, stored, revision: entry.revision } as HeadChange;
}

function parse<K extends HeadKey>(key: K, entry: KvEntry): Stored<HeadKeyValues[K]> | undefined {
  if (entry.operation !== 'PUT') return undefined;
  try {
    return { value: headKeySchemas[key].parse(entry.json()) as unknown as HeadKeyValues[K], revision: entry.revision };
  } catch (error) {
    const message = `the key ${entry.key} in the bucket ${HEADS_BUCKET} is not what Headwater writes there: ${(error as Error).message}`;
    throw new LearnerError('head_unavailable', message, { cause: error });
  }
}
