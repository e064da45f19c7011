import { z } from 'zod';
import { defaultLearnerOptions } from '../../learners/learner-options.js';
import { candidateNames, type HeadDefinition, type LearnerOptions, learnerKinds } from '../../types.js';

// What the keys of the bucket headwater-heads hold. Old values stay readable: what a key lacks gets the value that it had then.

const candidateSchema = z.enum(candidateNames);

const versionSchema = z.object({
  version: z.number(),
  samples: z.number(),
  position: z.object({ streamCreated: z.string(), sequence: z.number() }),
  createdAtMs: z.number(),
  modelDigest: z.string(),
  stateDigest: z.string().nullable(),
  champion: candidateSchema.default('sgd'),
  accuracy: z.number().nullable().default(null),
});

const windowsSchema = z.array(z.object({ window: z.number(), count: z.number(), accuracy: z.number() }));

const learnedCandidateSchema = z.object({
  name: candidateSchema,
  samples: z.number(),
  accuracy: windowsSchema,
  logLoss: z.number(),
  temperature: z.number(),
  weight: z.number(),
  bytes: z.number(),
});

const levelSchema = z.enum(['stable', 'warning', 'drift']);

const driftSchema = z.object({
  level: levelSchema,
  history: z.array(
    z.object({
      level: levelSchema,
      sequence: z.number(),
      samples: z.number(),
      errorBefore: z.number(),
      errorAfter: z.number(),
    }),
  ),
});

const promotionSchema = z.object({
  from: candidateSchema,
  to: candidateSchema,
  sequence: z.number(),
  samples: z.number(),
  reason: z.string(),
});

const statisticsSchema = z.object({
  champion: candidateSchema.default('sgd'),
  serve: z.union([z.literal('auto'), candidateSchema]).default('auto'),
  candidates: z.array(learnedCandidateSchema).default([]),
  promotions: z.array(promotionSchema).default([]),
  calibrationError: z.number().default(0),
  drift: driftSchema.default({ level: 'stable', history: [] }),
  confusions: z.array(z.object({ label: z.string(), predicted: z.string(), count: z.number() })).default([]),
  aliases: z.array(z.object({ from: z.string(), to: z.string() })).default([]),
  samples: z.number(),
  skipped: z.number(),
  servedLabelled: z.number(),
  servedCorrect: z.number(),
  servedAccuracy: windowsSchema,
  prequentialAccuracy: windowsSchema,
  classes: z.array(z.object({ name: z.string(), samples: z.number(), recent: z.number(), recall: z.number() })),
});

const sgdSchema = z.object({
  rate: z.number(),
  momentum: z.number(),
  weightDecay: z.number(),
  annealEvery: z.number(),
  annealFactor: z.number(),
  rateFloor: z.number(),
});

/** As heads were defined when `sgd` was the only learner: they go on with it alone. */
const sgdOnlySchema = sgdSchema
  .extend({ kind: z.literal('sgd') })
  .transform(({ kind, ...sgd }): LearnerOptions => ({ ...defaultLearnerOptions, serve: kind, train: [kind], sgd }));

const learnerSchema = z.object({
  serve: z.union([z.literal('auto'), candidateSchema]),
  train: z.union([z.literal('auto'), z.array(z.enum(learnerKinds))]),
  sgd: sgdSchema,
  slda: z.object({ shrinkage: z.number() }),
  rls: z.object({ ridge: z.number() }),
  refit: z.object({ capacity: z.number(), growth: z.number(), delay: z.number() }),
  drift: z.object({ delta: z.number(), react: z.boolean() }),
});

const definitionSchema = z.object({
  name: z.string(),
  generation: z.number(),
  backbone: z.string(),
  backboneIdentity: z.string(),
  dimensions: z.number(),
  classes: z.union([z.literal('open'), z.array(z.string())]),
  maxClasses: z.number(),
  learner: z.union([learnerSchema, sgdOnlySchema]),
  createdAtMs: z.number(),
  /** A head that was deleted keeps its definition, so that the next one of that name gets the next generation. */
  deleted: z.boolean().default(false),
  /** Generations that were deleted, and whose log, snapshots and keys are still being removed. */
  remains: z.array(z.number()).default([]),
});

/** `<head>.latest`: the newest snapshot and the older ones that can still be served. Moved by compare-and-set alone. */
const latestSchema = z.object({
  generation: z.number(),
  /** Newest first. Empty while nothing is learned: then the key says who teaches. */
  versions: z.array(versionSchema),
  statistics: statisticsSchema,
  /** Only when `statistics` lacks classes or aliases: how many classes there are, and the object that has them. See heads/snapshots/class-details.ts. */
  details: z.object({ classes: z.number(), digest: z.string() }).optional(),
  /** The lease under which it was written: a learner whose lease is older may not write any more. */
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

/** `<head>.damaged`: who serves found that these weights can't be read. Whoever teaches the head stores them anew and removes the key. */
const damagedSchema = z.object({ generation: z.number(), version: z.number(), modelDigest: z.string() });

export type StoredDefinition = HeadDefinition & { readonly deleted: boolean; readonly remains: readonly number[] };
export type LatestPointer = z.infer<typeof latestSchema>;
export type ServingPin = z.infer<typeof servingSchema>;
export type CompactionRecord = z.infer<typeof compactionSchema>;
export type DamagedVersion = z.infer<typeof damagedSchema>;

export const headKeySchemas = {
  definition: definitionSchema,
  latest: latestSchema,
  serving: servingSchema,
  compaction: compactionSchema,
  damaged: damagedSchema,
};

export interface HeadKeyValues {
  definition: StoredDefinition;
  latest: LatestPointer;
  serving: ServingPin;
  compaction: CompactionRecord;
  damaged: DamagedVersion;
}
export type HeadKey = keyof HeadKeyValues;
