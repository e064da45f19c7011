import type { KV, KvEntry } from 'nats';
import { z } from 'zod';
import { type HeadDefinition, LearnerError } from '../types.js';
import type { NatsLink } from './connection.js';
import { JETSTREAM_ERROR, jetStreamCode } from './errors.js';
import { HEADS_BUCKET } from './streams.js';

const positionSchema = z.object({ streamCreated: z.string(), sequence: z.number() });

const versionSchema = z.object({
  version: z.number(),
  samples: z.number(),
  position: positionSchema,
  createdAtMs: z.number(),
  modelDigest: z.string(),
  stateDigest: z.string(),
});

const windowSchema = z.object({ window: z.number(), count: z.number(), accuracy: z.number() });

const statisticsSchema = z.object({
  samples: z.number(),
  skipped: z.number(),
  servedLabelled: z.number(),
  servedCorrect: z.number(),
  servedAccuracy: z.array(windowSchema),
  prequentialAccuracy: z.array(windowSchema),
  classes: z.array(z.object({ name: z.string(), samples: z.number(), recent: z.number(), recall: z.number() })),
});

const learnerSchema = z.object({
  kind: z.literal('sgd'),
  rate: z.number(),
  momentum: z.number(),
  weightDecay: z.number(),
  annealEvery: z.number(),
  annealFactor: z.number(),
  rateFloor: z.number(),
});

const definitionSchema = z.object({
  name: z.string(),
  generation: z.number(),
  backbone: z.string(),
  backboneIdentity: z.string(),
  dimensions: z.number(),
  classes: z.union([z.literal('open'), z.array(z.string())]),
  maxClasses: z.number(),
  learner: learnerSchema,
  createdAtMs: z.number(),
  /** A head that was deleted keeps its definition, so that the next one of that name gets the next generation. */
  deleted: z.boolean().default(false),
});

/** `<head>.latest`: the newest snapshot and the older ones that can still be served. Moved by compare-and-set alone. */
const latestSchema = z.object({
  generation: z.number(),
  /** Newest first. */
  versions: z.array(versionSchema).min(1),
  statistics: statisticsSchema,
  /** Which lease of the head wrote it. */
  epoch: z.number(),
});

/** `<head>.serving`: what the operator pinned. */
const servingSchema = z.object({ generation: z.number(), version: z.number() });

/** `<head>.compaction`: how far the training log was cut, and what is about to be cut. See heads/compaction.ts. */
const compactionSchema = z.object({
  generation: z.number(),
  /** Entries up to this one were removed, or are being removed; 0: the log is whole. */
  removedTo: z.number(),
  /** Whether the removal up to there has ended. */
  purged: z.boolean(),
  /** Whose state stands for what was removed. */
  base: versionSchema.nullable(),
  /** The base of the next cut: its state is kept until then. */
  next: versionSchema.nullable(),
  /** The ids of all entries up to `to` are in HEADWATER_IDS since `atMs` (Unix time). */
  ids: z.object({ to: z.number(), atMs: z.number() }).nullable(),
});

export type StoredDefinition = HeadDefinition & { readonly deleted: boolean };
export type LatestPointer = z.infer<typeof latestSchema>;
export type ServingPin = z.infer<typeof servingSchema>;
export type CompactionRecord = z.infer<typeof compactionSchema>;

const schemas = {
  definition: definitionSchema,
  latest: latestSchema,
  serving: servingSchema,
  compaction: compactionSchema,
};

interface Values {
  definition: StoredDefinition;
  latest: LatestPointer;
  serving: ServingPin;
  compaction: CompactionRecord;
}
export type HeadKey = keyof Values;

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
    readonly stored: Stored<Values[K]> | undefined;
    /** Of the change, a removal's too. */
    readonly revision: number;
  };
}[HeadKey];

/** The key-value bucket headwater-heads. */
export class HeadStore {
  private constructor(private readonly kv: KV) {}

  static async open(link: NatsLink): Promise<HeadStore> {
    return new HeadStore(await link.jetstream().views.kv(HEADS_BUCKET, { bindOnly: true, allow_direct: false }));
  }

  async get<K extends HeadKey>(head: string, key: K): Promise<Stored<Values[K]> | undefined> {
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
    value: Values[K],
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
  put<K extends HeadKey>(head: string, key: K, value: Values[K]): Promise<number> {
    return this.kv.put(`${head}.${key}`, JSON.stringify(value));
  }

  /** @returns the revision of the removal */
  async remove(head: string, key: HeadKey): Promise<number> {
    await this.kv.delete(`${head}.${key}`);
    return (await this.kv.get(`${head}.${key}`))?.revision ?? 0;
  }

  /**
   * Tells every key there is, then `onLoaded`, then every change.
   * @param onUnreadable a value that is not Headwater's: it is left alone
   * @returns ends the watch
   */
  async watch(
    onChange: (change: HeadChange) => void,
    onLoaded: () => void,
    onUnreadable: (problem: string) => void,
  ): Promise<() => void> {
    let loaded = false;
    const loadedOnce = () => {
      if (!loaded) onLoaded();
      loaded = true;
    };
    const watch = await this.kv.watch({ initializedFn: loadedOnce });
    void (async () => {
      for await (const entry of watch) {
        try {
          const change = toChange(entry);
          if (change) onChange(change);
        } catch (error) {
          onUnreadable((error as Error).message);
        }
      }
    })();
    return () => watch.stop();
  }
}

function toChange(entry: KvEntry): HeadChange | undefined {
  const dot = entry.key.lastIndexOf('.');
  const head = entry.key.slice(0, dot);
  const key = entry.key.slice(dot + 1);
  if (dot < 1 || !(key in schemas)) return undefined;
  const stored = parse(key as HeadKey, entry);
  return { head, key, stored, revision: entry.revision } as HeadChange;
}

function parse<K extends HeadKey>(key: K, entry: KvEntry): Stored<Values[K]> | undefined {
  if (entry.operation !== 'PUT') return undefined;
  try {
    return { value: schemas[key].parse(entry.json()) as unknown as Values[K], revision: entry.revision };
  } catch (error) {
    const message = `the key ${entry.key} in the bucket ${HEADS_BUCKET} is not what Headwater writes there: ${(error as Error).message}`;
    throw new LearnerError('head_unavailable', message, { cause: error });
  }
}
