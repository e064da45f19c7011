import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { LearnerState } from '../learners/learner.js';
import { candidateNames, type HeadDefinition, type LearnerKind, learnerKinds } from '../types.js';
import { LARGEST_WINDOW } from './accuracy.js';
import type { CandidateSetState } from './candidates/candidate-set.js';
import type { ChampionshipState } from './candidates/championship.js';
import { REMEMBERED_WINDOW } from './candidates/forgetting.js';
import type { ImportedState } from './candidates/imported.js';
import type { ClassTableState } from './class-table.js';
import type { DriftWatchState } from './drift/drift-watch.js';
import type { JudgedColumns } from './judged-samples.js';
import { checkOwner } from './model-format.js';
import { decodeOldSamples, encodeOldSamples, oldSamplesSchema } from './old-samples-format.js';
import { corrupt, decodeSnapshot, encodeSnapshot, type SnapshotArray } from './snapshot-container.js';

/** What a fold counts. */
export interface FoldCounts {
  /** Sequence of the last entry folded; 0: none. */
  sequence: number;
  samples: number;
  skipped: number;
  servedLabelled: number;
  servedCorrect: number;
  /** Samples since the world last changed, as far as anyone knows. */
  sinceChange: number;
}

export const noCounts: Readonly<FoldCounts> = {
  sequence: 0,
  samples: 0,
  skipped: 0,
  servedLabelled: 0,
  servedCorrect: 0,
  sinceChange: 0,
};

/** A fold at one position of its log: everything that the entries after it depend on. */
export interface FoldState {
  readonly counts: FoldCounts;
  readonly classes: ClassTableState;
  readonly championship: ChampionshipState;
  readonly drift: DriftWatchState;
  readonly candidates: CandidateSetState;
  readonly learners: readonly { readonly kind: LearnerKind; readonly state: LearnerState }[];
  readonly imported: ImportedState | undefined;
  /** Predictions of what serves. */
  readonly judged: JudgedColumns;
  /** Of what clients were told, oldest first: 1 for a right answer, else 0. */
  readonly served: Float64Array;
}

const count = z.number().int().nonnegative();
const fraction = z.number().min(0).max(1);
const candidateName = z.enum(candidateNames);
const level = z.enum(['stable', 'warning', 'drift']);
const metadataSchema = z.object({
  head: z.string(),
  generation: z.number(),
  backboneIdentity: z.string(),
  dimensions: z.number().int().positive(),
  options: z.record(z.string(), z.unknown()),
  counts: z.object({
    sequence: count,
    samples: count,
    skipped: count,
    servedLabelled: count,
    servedCorrect: count,
    sinceChange: count,
  }),
  classes: z.object({
    names: z.array(z.string()),
    samples: z.array(count),
    aliases: z.array(z.object({ name: z.string(), index: count })),
  }),
  championship: z.object({
    serve: z.enum(['auto', ...candidateNames]),
    champion: candidateName,
    provisional: z.boolean(),
    promotions: z.array(
      z.object({ from: candidateName, to: candidateName, sequence: count, samples: count, reason: z.string() }),
    ),
  }),
  drift: z.object({
    level,
    lasts: count,
    adwin: z
      .object({ rows: z.array(z.array(count)).min(1).max(50), sinceCheck: count })
      // A bucket of the row i is the sum of 2^i zeros and ones.
      .refine(
        ({ rows }) => rows.every((row, i) => row.every((sum) => i > 30 || sum <= 1 << i)),
        'a bucket holds more than fits',
      ),
    history: z.array(z.object({ level, sequence: count, samples: count, errorBefore: fraction, errorAfter: fraction })),
  }),
  candidates: z.array(
    z.object({
      name: candidateName,
      samples: count,
      temperature: z.object({ logTemperature: z.number(), curvature: z.number().nonnegative() }),
      forgets: z.boolean(),
    }),
  ),
  blend: z.object({
    names: z.array(candidateName),
    weights: z.array(z.number().nonnegative()),
    curvature: z.array(z.number()),
  }),
  oldSamples: oldSamplesSchema.nullable(),
  learners: z.array(z.object({ kind: z.enum(learnerKinds), metadata: z.unknown() })),
  importedRows: z.array(z.number().int().min(-1)).nullable(),
});
type Metadata = z.infer<typeof metadataSchema>;

/** The learners' half of a snapshot, as bytes: equal states of one head give equal bytes. */
export function encodeState(definition: HeadDefinition, state: FoldState): Uint8Array<ArrayBuffer> {
  const { imported, judged, served } = state;
  const old = state.candidates.oldSamples && encodeOldSamples(state.candidates.oldSamples);
  const metadata: Metadata = {
    head: definition.name,
    generation: definition.generation,
    backboneIdentity: definition.backboneIdentity,
    dimensions: definition.dimensions,
    options: { ...definition.learner },
    counts: state.counts,
    classes: { ...state.classes, aliases: [...state.classes.aliases] },
    championship: state.championship,
    drift: state.drift,
    candidates: state.candidates.candidates.map(({ name, state: { temperature, scores, memory } }) => ({
      name,
      samples: scores.samples,
      temperature,
      forgets: memory.forgets,
    })),
    oldSamples: old?.metadata ?? null,
    blend: state.candidates.blend,
    learners: state.learners.map(({ kind, state: { metadata } }) => ({ kind, metadata })),
    importedRows: imported?.rows ?? null,
  };
  const arrays: Record<string, SnapshotArray> = {
    served,
    'judged/label': judged.label,
    'judged/predicted': judged.predicted,
    'judged/confidence': judged.confidence,
  };
  for (const {
    name,
    state: { scores, memory },
  } of state.candidates.candidates) {
    arrays[`scores/${name}/correct`] = scores.correct;
    arrays[`scores/${name}/losses`] = scores.losses;
    arrays[`scores/${name}/remembered`] = memory.remembered;
  }
  for (const {
    kind,
    state: { arrays: own },
  } of state.learners) {
    for (const [name, array] of Object.entries(own)) arrays[`${kind}/${name}`] = array;
  }
  Object.assign(arrays, old?.arrays);
  if (imported) {
    arrays['imported/weights'] = imported.weights;
    arrays['imported/bias'] = imported.bias;
  }
  return encodeSnapshot('state', { metadata, arrays });
}

/**
 * Reads what `encodeState` wrote. The learners check their own states.
 * @throws LearnerError snapshot_corrupt when the bytes are damaged, or not a state of this head as it is defined.
 */
export function decodeState(definition: HeadDefinition, bytes: Uint8Array): FoldState {
  const { metadata, arrays } = decodeSnapshot('state', bytes);
  const checked = metadataSchema.safeParse(metadata);
  if (!checked.success) throw corrupt(`its metadata is wrong: ${z.prettifyError(checked.error)}`);
  const { counts, classes, championship, drift, candidates, blend, oldSamples, learners, importedRows, options } =
    checked.data;
  checkOwner(checked.data, definition);
  if (!isDeepStrictEqual(options, JSON.parse(JSON.stringify(definition.learner)))) {
    throw corrupt("its learner's options are not the head's");
  }
  checkClasses(definition, classes);
  checkCandidates(checked.data);
  const window = (name: string, holds: (value: number) => boolean) => readWindow(arrays, name, holds);
  const isFlag = (value: number) => value === 0 || value === 1;
  const isClass = (value: number) => Number.isInteger(value) && value < classes.names.length;
  const judged = {
    label: window('judged/label', (value) => isClass(value) && value >= 0),
    predicted: window('judged/predicted', (value) => isClass(value) && value >= -1),
    confidence: window('judged/confidence', (value) => value >= 0 && value <= 1),
  };
  if (judged.label.length !== judged.predicted.length || judged.label.length !== judged.confidence.length) {
    throw corrupt('its judged samples are not complete');
  }
  return {
    counts,
    classes,
    championship,
    drift,
    candidates: {
      candidates: candidates.map(({ name, samples, temperature, forgets }) => {
        const correct = window(`scores/${name}/correct`, isFlag);
        const losses = window(`scores/${name}/losses`, (value) => value >= 0 && value < Infinity);
        const remembered = window(`scores/${name}/remembered`, isFlag);
        if (samples < correct.length || correct.length !== losses.length || remembered.length > REMEMBERED_WINDOW)
          throw corrupt(`the scores of its candidate '${name}' are wrong`);
        const scores = { samples, correct, losses };
        return { name, state: { temperature, scores, memory: { remembered, forgets } } };
      }),
      blend,
      oldSamples: oldSamples
        ? decodeOldSamples(oldSamples, arrays, { dimensions: definition.dimensions, classes: classes.names.length })
        : undefined,
    },
    learners: learners.map(({ kind, metadata }) => ({ kind, state: { metadata, arrays: arraysOf(kind, arrays) } })),
    imported: importedRows === null ? undefined : readImported(definition, importedRows, classes.names.length, arrays),
    judged,
    served: window('served', isFlag),
  };
}

function checkClasses({ maxClasses }: HeadDefinition, { names, samples, aliases }: Metadata['classes']): void {
  const all = [...names, ...aliases.map(({ name }) => name)];
  const fit = names.length === samples.length && aliases.every(({ index }) => index < names.length);
  if (!fit || new Set(all).size !== all.length) throw corrupt('its classes are wrong');
  if (names.length > maxClasses) throw corrupt("its classes are not the head's: it has more than the head may have");
}

/** Each candidate once, the champion among them, and the blend made of the others. */
function checkCandidates({ candidates, learners, importedRows, blend, championship }: Metadata): void {
  const members = [...learners.map(({ kind }) => kind), ...(importedRows === null ? [] : (['imported'] as const))];
  const expected = members.length > 1 ? [...members, 'blend' as const] : members;
  const names = candidates.map(({ name }) => name);
  const sorted = (list: readonly string[]) => [...list].sort();
  const mixed = candidateNames.filter((name) => members.length > 1 && members.some((member) => member === name));
  const fits =
    learners.length > 0 &&
    isDeepStrictEqual(sorted(names), sorted(expected)) &&
    new Set(names).size === names.length &&
    // Their order is that of the weights.
    isDeepStrictEqual(blend.names, mixed) &&
    blend.names.length === blend.weights.length &&
    blend.names.length * blend.names.length === blend.curvature.length &&
    names.includes(championship.champion);
  if (!fits) throw corrupt('its candidates are wrong');
}

/** The arrays whose names begin with the learner's, without it. */
function arraysOf(kind: LearnerKind, arrays: Readonly<Record<string, SnapshotArray>>): Record<string, SnapshotArray> {
  const prefix = `${kind}/`;
  const own = Object.entries(arrays).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, array]) => [name.slice(prefix.length), array]));
}

function readImported(
  { dimensions }: HeadDefinition,
  rows: number[],
  classes: number,
  arrays: Readonly<Record<string, SnapshotArray>>,
): ImportedState {
  const { 'imported/weights': weights, 'imported/bias': bias } = arrays;
  const fits =
    weights instanceof Float32Array &&
    bias instanceof Float32Array &&
    weights.every(Number.isFinite) &&
    bias.every(Number.isFinite) &&
    weights.length === bias.length * dimensions &&
    rows.length === classes &&
    rows.every((row) => row < bias.length);
  if (!fits) throw corrupt('its imported weights are wrong');
  return { weights, bias, rows };
}

function readWindow(
  arrays: Readonly<Record<string, SnapshotArray>>,
  name: string,
  holds: (value: number) => boolean,
): Float64Array {
  const array = arrays[name];
  if (array instanceof Float64Array && array.length <= LARGEST_WINDOW && array.every(holds)) return array;
  throw corrupt(`its array '${name}' is not a window of judged samples`);
}
