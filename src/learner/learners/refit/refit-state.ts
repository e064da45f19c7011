import { z } from 'zod';
import { corrupt, type SnapshotArray } from '../../fold/snapshot-container.js';
import type { StandardiserState } from '../../head/standardise.js';
import type { LearnerState } from '../learner.js';
import { count, readFloat32, readFloat64, readIndices, readMetadata } from '../read-state.js';
import type { FitResult, PenaltyChoice } from './fit/fit-job.js';
import { penalties } from './fit/penalty-choice.js';
import type { ReplayedSgdState } from './replayed-sgd.js';
import type { ReservoirState } from './reservoir.js';
import type { Standardisation, StandardisedClassifier } from './standardisation.js';

/** A refit that is done, and waits for the sample it is due at. */
export interface FinishedRefit {
  readonly startedAt: number;
  readonly dueAt: number;
  /** Where the classes that it knows are now, by their index then; -1: removed. */
  readonly classes: number[];
  readonly result: FitResult;
}

/** All that a `RefitLearner` is. */
export interface RefitState {
  readonly samples: number;
  readonly changedAt: number;
  readonly startAt: number;
  readonly freshSince: number;
  readonly reservoir: ReservoirState;
  readonly sgd: ReplayedSgdState;
  /** Either these, before the first refit is installed, */
  readonly standardiser: StandardiserState | undefined;
  /** or those. */
  readonly constants: Standardisation | undefined;
  readonly choice: PenaltyChoice;
  readonly finished: FinishedRefit | undefined;
}

const index = z.number().int();
const classifierSchema = z.object({ rows: count, typicalSquaredLength: z.number() }).nullable();
const choiceSchema = z.object({
  index: index.min(0).max(penalties.length - 1),
  side: z.union([z.literal(-1), z.literal(0), z.literal(1)]),
  samples: count,
  classes: count,
  classifier: classifierSchema,
});
const schema = z.object({
  samples: count,
  changedAt: index,
  startAt: count,
  freshSince: index,
  classCount: count,
  sinceAverage: count,
  members: count,
  random: z.array(index).length(4),
  seen: z.array(count),
  standardiser: z.object({ count, floor: z.number().nonnegative() }).nullable(),
  typicalSquaredLength: z.number().nullable(),
  choice: choiceSchema,
  finished: z
    .object({
      startedAt: count,
      dueAt: count,
      classes: z.array(index.min(-1)),
      evaluations: count,
      classifier: classifierSchema.unwrap(),
      choice: choiceSchema,
    })
    .nullable(),
});

type Arrays = Record<string, SnapshotArray>;

/** The arrays are taken over, not copied. */
export function encodeRefitState(state: RefitState): LearnerState {
  const { reservoir, sgd, standardiser, constants, finished } = state;
  const arrays: Arrays = {
    embeddings: reservoir.embeddings,
    labels: reservoir.labels,
    births: reservoir.births,
    heldOut: reservoir.heldOut,
    weights: sgd.weights,
    average: sgd.average,
    bias: sgd.bias,
    biasAverage: sgd.biasAverage,
    ages: sgd.ages,
  };
  if (standardiser) Object.assign(arrays, { mean: standardiser.mean.slice(), squares: standardiser.squares.slice() });
  if (constants) Object.assign(arrays, { mean: constants.mean, scale: constants.scale });
  const metadata: z.infer<typeof schema> = {
    samples: state.samples,
    changedAt: state.changedAt,
    startAt: state.startAt,
    freshSince: state.freshSince,
    classCount: sgd.bias.length,
    sinceAverage: sgd.sinceAverage,
    members: reservoir.labels.length,
    random: [...reservoir.random],
    seen: [...reservoir.seen],
    standardiser: standardiser ? { count: standardiser.count, floor: standardiser.floor } : null,
    typicalSquaredLength: constants?.typicalSquaredLength ?? null,
    choice: encodeChoice(state.choice, 'choice', arrays),
    finished: finished
      ? {
          startedAt: finished.startedAt,
          dueAt: finished.dueAt,
          classes: [...finished.classes],
          evaluations: finished.result.evaluations,
          classifier: encodeClassifier(finished.result.classifier, 'result', arrays),
          choice: encodeChoice(finished.result.choice, 'resultChoice', arrays),
        }
      : null,
  };
  return { metadata, arrays };
}

/** @returns copies. @throws LearnerError snapshot_corrupt */
export function decodeRefitState(state: LearnerState, dimensions: number, capacity: number): RefitState {
  const { arrays } = state;
  const saved = readMetadata(state, schema);
  const { classCount: classes, members, finished } = saved;
  if (saved.seen.length !== classes) throw corrupt('a reservoir of other classes than its learner');
  if (members > capacity) throw corrupt(`a reservoir of ${members} samples, and ${capacity} have room`);
  if ((saved.choice.classifier?.rows ?? 0) > classes) throw corrupt('a penalty for classes that there are not');
  if (finished?.classes.some((c) => c >= classes)) throw corrupt('a refit of classes that there are not');
  if (finished && finished.classes.length !== finished.classifier.rows)
    throw corrupt('a refit of other classes than its result');
  if ((saved.standardiser === null) === (saved.typicalSquaredLength === null))
    throw corrupt('a learner without constants');
  const rows = (name: string) => readFloat64(arrays, name, classes * dimensions);
  const values = (name: string) => readFloat64(arrays, name, classes);
  const column = (name: string) => readFloat64(arrays, name, dimensions);
  const read = { arrays, dimensions };
  return {
    samples: saved.samples,
    changedAt: saved.changedAt,
    startAt: saved.startAt,
    freshSince: saved.freshSince,
    reservoir: {
      random: saved.random,
      seen: saved.seen,
      embeddings: readFloat32(arrays, 'embeddings', members * dimensions),
      labels: readIndices(arrays, 'labels', members, classes),
      births: readFloat64(arrays, 'births', members),
      heldOut: readIndices(arrays, 'heldOut', members, 2),
    },
    sgd: {
      weights: rows('weights'),
      average: rows('average'),
      bias: values('bias'),
      biasAverage: values('biasAverage'),
      ages: values('ages'),
      sinceAverage: saved.sinceAverage,
    },
    standardiser: saved.standardiser
      ? { ...saved.standardiser, mean: column('mean'), squares: column('squares') }
      : undefined,
    constants:
      saved.typicalSquaredLength !== null
        ? { mean: column('mean'), scale: column('scale'), typicalSquaredLength: saved.typicalSquaredLength }
        : undefined,
    choice: decodeChoice(saved.choice, 'choice', read),
    finished: finished
      ? {
          startedAt: finished.startedAt,
          dueAt: finished.dueAt,
          classes: finished.classes,
          result: {
            classifier: decodeClassifier(finished.classifier, 'result', read),
            choice: decodeChoice(finished.choice, 'resultChoice', read),
            evaluations: finished.evaluations,
          },
        }
      : undefined,
  };
}

interface Source {
  readonly arrays: LearnerState['arrays'];
  readonly dimensions: number;
}

type SavedClassifier = NonNullable<z.infer<typeof classifierSchema>>;

function encodeClassifier(classifier: StandardisedClassifier, name: string, arrays: Arrays): SavedClassifier {
  const { mean, scale, weights, bias, typicalSquaredLength } = classifier;
  for (const [part, array] of Object.entries({ mean, scale, weights, bias })) arrays[`${name}.${part}`] = array.slice();
  return { rows: bias.length, typicalSquaredLength };
}

function decodeClassifier(
  saved: SavedClassifier,
  name: string,
  { arrays, dimensions }: Source,
): StandardisedClassifier {
  const part = (which: string, length: number) => readFloat64(arrays, `${name}.${which}`, length);
  return {
    mean: part('mean', dimensions),
    scale: part('scale', dimensions),
    weights: part('weights', saved.rows * dimensions),
    bias: part('bias', saved.rows),
    typicalSquaredLength: saved.typicalSquaredLength,
  };
}

function encodeChoice(choice: PenaltyChoice, name: string, arrays: Arrays): z.infer<typeof choiceSchema> {
  const { classifier, ...rest } = choice;
  return { ...rest, classifier: classifier ? encodeClassifier(classifier, name, arrays) : null };
}

function decodeChoice(saved: z.infer<typeof choiceSchema>, name: string, source: Source): PenaltyChoice {
  const classifier = saved.classifier ? decodeClassifier(saved.classifier, name, source) : undefined;
  return { ...saved, classifier };
}
