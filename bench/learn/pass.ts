import {
  type CandidateName,
  classify,
  defaultLearnerOptions,
  encodeSample,
  type HeadDefinition,
  HeadFold,
  type HeadModel,
  type HeadStatistics,
  type LearnerOptions,
  learnerKinds,
  topK,
} from '../../src/learner/index.js';
import type { CurvePoint } from './curves.js';
import type { Embeddings } from './embedding-cache.js';

/** The head's statistics are read so often, for the curves: samples. */
const LOOK_EVERY = 20;

/** Indices of samples: one stream, in its order, and what is predicted when it has ended. */
export interface Split {
  readonly stream: readonly number[];
  readonly test: readonly number[];
}

/** What a served classifier says of the test samples. */
export interface Predictions {
  readonly name: CandidateName;
  /** [test] Index of the class, into `classes` of the embeddings. */
  readonly predicted: readonly number[];
}

export interface PassResult {
  readonly champion: CandidateName;
  /** By the weights that serving would load if each candidate were the champion. */
  readonly candidates: readonly Predictions[];
  /** Of the champion, prequential: see HeadStatistics. */
  readonly calibrationError: number;
  readonly blend: Readonly<Partial<Record<CandidateName, number>>>;
  readonly promotions: HeadStatistics['promotions'];
  /** Drift that was found: all of it false alarms, for the stream is shuffled. */
  readonly driftAlarms: number;
  readonly curve: readonly CurvePoint[];
  readonly milliseconds: number;
}

/** What the service does by default, with all learners from the start. */
const AUTO: LearnerOptions = { ...defaultLearnerOptions, serve: 'auto', train: learnerKinds };

/** One pass over the stream, through the fold that the service runs. */
export function runPass(embeddings: Embeddings, { stream, test }: Split, options = AUTO): PassResult {
  const start = performance.now();
  const fold = new HeadFold(definitionFor(embeddings, options));
  const curve: CurvePoint[] = [];
  stream.forEach((index, position) => {
    const outcome = fold.fold(entryOf(embeddings, index, position + 1), position + 1);
    if (outcome.kind !== 'learned') throw new Error(`${embeddings.ids[index]}: not learned (${outcome.kind})`);
    const samples = position + 1;
    if (samples % LOOK_EVERY === 0 || samples === stream.length) curve.push(lookAt(fold.statistics()));
  });
  const statistics = fold.statistics();
  return {
    champion: statistics.champion,
    candidates: statistics.candidates.map(({ name }) => ({
      name,
      predicted: predict(fold.model(name), embeddings, test),
    })),
    calibrationError: statistics.calibrationError,
    blend: Object.fromEntries(
      statistics.candidates.filter(({ name }) => name !== 'blend').map(({ name, weight }) => [name, weight]),
    ),
    promotions: statistics.promotions,
    driftAlarms: statistics.drift.history.filter(({ level }) => level === 'drift').length,
    curve,
    milliseconds: performance.now() - start,
  };
}

/** Refits are done at once, in this thread: that changes no bit, and many passes run side by side. */
function definitionFor(
  { backbone, identity, dimensions, classes }: Embeddings,
  learner: LearnerOptions,
): HeadDefinition {
  return {
    name: 'bench',
    generation: 1,
    backbone,
    backboneIdentity: identity,
    dimensions,
    classes: 'open',
    maxClasses: classes.length,
    learner,
    createdAtMs: 0,
  };
}

function entryOf({ ids, labels, classes, identity, ...rest }: Embeddings, index: number, sequence: number): Uint8Array {
  return encodeSample({
    id: ids[index]!,
    label: classes[labels[index]!]!,
    embedding: embeddingOf(rest, index),
    backboneIdentity: identity,
    origin: { streamCreated: 'bench', sequence },
    form: 'embedding',
    labelledAtMs: 0,
  });
}

function embeddingOf({ values, dimensions }: Pick<Embeddings, 'values' | 'dimensions'>, index: number): Float32Array {
  return values.subarray(index * dimensions, (index + 1) * dimensions);
}

/** As serving does. */
function predict(model: HeadModel, embeddings: Embeddings, test: readonly number[]): number[] {
  return test.map((index) => {
    const [best] = topK(classify(model, embeddingOf(embeddings, index)), 1);
    return embeddings.classes.indexOf(model.classes[best!]!);
  });
}

function lookAt({ samples, candidates, prequentialAccuracy }: HeadStatistics): CurvePoint {
  const shortest = (windows: HeadStatistics['prequentialAccuracy']) => windows[0]!.accuracy;
  return {
    samples,
    accuracy: {
      auto: shortest(prequentialAccuracy),
      ...Object.fromEntries(candidates.map(({ name, accuracy }) => [name, shortest(accuracy)])),
    },
  };
}
