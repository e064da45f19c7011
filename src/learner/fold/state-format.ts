import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { SgdState } from '../head/sgd.js';
import type { HeadDefinition } from '../types.js';
import { checkOwner } from './model-format.js';
import { corrupt, decodeSnapshot, encodeSnapshot, type SnapshotArray } from './snapshot-container.js';

/** A fold at one position of its log: everything that the entries after it depend on. */
export interface FoldState {
  /** Sequence of the last entry folded; 0: none. */
  sequence: number;
  samples: number;
  skipped: number;
  servedLabelled: number;
  servedCorrect: number;
  readonly classes: string[];
  /** By class: samples learned. */
  readonly classSamples: number[];
  /** Judged samples as `Accuracy` keeps them, oldest first. */
  readonly prequential: Int32Array;
  readonly served: Int32Array;
  readonly learner: SgdState;
}

const count = z.number().int().nonnegative();
const metadataSchema = z.object({
  head: z.string(),
  generation: z.number(),
  backboneIdentity: z.string(),
  dimensions: z.number().int().positive(),
  options: z.record(z.string(), z.unknown()),
  sequence: count,
  samples: count,
  skipped: count,
  servedLabelled: count,
  servedCorrect: count,
  classes: z.array(z.string()),
  classSamples: z.array(count),
  learner: z.object({ samples: count, rate: z.number().positive() }),
  standardiser: z.object({ count, floor: z.number().nonnegative() }),
});
type Metadata = z.infer<typeof metadataSchema>;

/** The learner's half of a snapshot, as bytes: equal states of one head give equal bytes. */
export function encodeState(definition: HeadDefinition, state: FoldState): Uint8Array<ArrayBuffer> {
  const { standardiser, classCount: _, samples, rate, ...perClass } = state.learner;
  const metadata: Metadata = {
    head: definition.name,
    generation: definition.generation,
    backboneIdentity: definition.backboneIdentity,
    dimensions: definition.dimensions,
    options: { ...definition.learner },
    sequence: state.sequence,
    samples: state.samples,
    skipped: state.skipped,
    servedLabelled: state.servedLabelled,
    servedCorrect: state.servedCorrect,
    classes: state.classes,
    classSamples: state.classSamples,
    learner: { samples, rate },
    standardiser: { count: standardiser.count, floor: standardiser.floor },
  };
  const { weights, velocity, average, bias, biasVelocity, biasAverage, ages } = perClass;
  return encodeSnapshot('state', {
    metadata,
    arrays: {
      mean: standardiser.mean,
      squares: standardiser.squares,
      weights,
      velocity,
      average,
      bias,
      biasVelocity,
      biasAverage,
      ages,
      prequential: state.prequential,
      served: state.served,
    },
  });
}

/** @throws LearnerError snapshot_corrupt when the bytes are damaged, or not a state of this head as it is defined. */
export function decodeState(definition: HeadDefinition, bytes: Uint8Array): FoldState {
  const { metadata, arrays } = decodeSnapshot('state', bytes);
  const checked = metadataSchema.safeParse(metadata);
  if (!checked.success) throw corrupt(`its metadata is wrong: ${z.prettifyError(checked.error)}`);
  const { learner, standardiser, options, classes, classSamples, sequence, samples, ...rest } = checked.data;
  checkOwner(checked.data, definition);
  if (!isDeepStrictEqual(options, { ...definition.learner })) throw corrupt("its learner's options are not the head's");
  checkClasses(definition, classes, classSamples);
  const { dimensions } = definition;
  const rows = (name: string, width: number) => floats(arrays, name, classes.length * width);
  const judged = (name: string) => judgements(arrays, name, classes.length);
  return {
    sequence,
    samples,
    skipped: rest.skipped,
    servedLabelled: rest.servedLabelled,
    servedCorrect: rest.servedCorrect,
    classes,
    classSamples,
    prequential: judged('prequential'),
    served: judged('served'),
    learner: {
      standardiser: {
        ...standardiser,
        mean: floats(arrays, 'mean', dimensions),
        squares: floats(arrays, 'squares', dimensions),
      },
      ...learner,
      classCount: classes.length,
      weights: rows('weights', dimensions),
      velocity: rows('velocity', dimensions),
      average: rows('average', dimensions),
      bias: rows('bias', 1),
      biasVelocity: rows('biasVelocity', 1),
      biasAverage: rows('biasAverage', 1),
      ages: rows('ages', 1),
    },
  };
}

function checkClasses(definition: HeadDefinition, classes: readonly string[], samples: readonly number[]): void {
  const allowed =
    definition.classes === 'open'
      ? classes.length <= definition.maxClasses
      : isDeepStrictEqual(classes, definition.classes);
  if (!allowed) throw corrupt("its classes are not the head's");
  if (new Set(classes).size !== classes.length || samples.length !== classes.length)
    throw corrupt('its classes are wrong');
}

function floats(arrays: Readonly<Record<string, SnapshotArray>>, name: string, length: number): Float64Array {
  const array = arrays[name];
  if (array instanceof Float64Array && array.length === length) return array;
  throw corrupt(`its array '${name}' is not ${length} FP64 numbers`);
}

function judgements(arrays: Readonly<Record<string, SnapshotArray>>, name: string, classes: number): Int32Array {
  const array = arrays[name];
  if (array instanceof Int32Array && array.every((value) => value >= 0 && value >> 1 < classes)) return array;
  throw corrupt(`its array '${name}' is not a list of judged samples`);
}
