import type { Arithmetic } from '../../native/index.js';
import type { Learner } from '../learners/learner.js';
import {
  type HeadDefinition,
  type HeadModel,
  LearnerError,
  type LearnerKind,
  learnerKinds,
  type Promotion,
} from '../types.js';
import type { CandidateSet } from './candidates/candidate-set.js';
import type { Championship, Place } from './candidates/championship.js';
import { Imported } from './candidates/imported.js';
import type { ClassTable, RenameProblem } from './class-table.js';
import type { JudgedSamples } from './judged-samples.js';
import type { LoggedAct } from './log-entry.js';
import { decodeModel } from './model-format.js';

/** Why an act changed nothing: it made no sense where it stands in the log. */
export type ActSkipReason = RenameProblem | 'no_learners' | 'unknown_candidate' | 'no_model' | 'wrong_dimensions';

export type ActResult =
  | { readonly done: true; readonly promotion?: Promotion | undefined }
  | { readonly done: false; readonly reason: ActSkipReason };

/** What acts work on. */
export interface HeadParts {
  readonly definition: HeadDefinition;
  readonly classes: ClassTable;
  readonly candidates: CandidateSet;
  readonly championship: Championship;
  readonly judged: JudgedSamples;
  readonly arithmetic: Arithmetic;
  /** A learner that knows nothing and has no classes. */
  makeLearner(kind: LearnerKind): Learner;
}

/** @param attachment The model's bytes for `import_model`, with the digest that the act names. */
export function applyAct(head: HeadParts, act: LoggedAct, at: Place, attachment?: Uint8Array): ActResult {
  switch (act.kind) {
    case 'delete_class':
      return deleteClass(head, act.name);
    case 'rename_class': {
      const reason = head.classes.rename(act.from, act.to);
      return reason === undefined ? { done: true } : { done: false, reason };
    }
    case 'set_learners':
      return setLearners(head, act.learners, at);
    case 'promote':
      if (act.candidate !== null && !head.candidates.get(act.candidate)) return skipped('unknown_candidate');
      return { done: true, promotion: head.championship.choose(act.candidate, at) };
    case 'import_model':
      return importModel(head, attachment, at);
  }
}

/** Adds a class of which nothing is known, everywhere. @returns its index */
export function addClass({ classes, candidates }: Pick<HeadParts, 'classes' | 'candidates'>, name: string): number {
  candidates.addClass();
  return classes.add(name);
}

function deleteClass({ classes, candidates, judged }: HeadParts, name: string): ActResult {
  const index = classes.remove(name);
  if (index === undefined) return skipped('unknown_class');
  candidates.removeClass(index);
  judged.removeClass(index);
  return { done: true };
}

function setLearners(head: HeadParts, named: readonly LearnerKind[], at: Place): ActResult {
  const kinds = learnerKinds.filter((kind) => named.includes(kind));
  if (kinds.length === 0) return skipped('no_learners');
  head.candidates.setLearners(kinds, (kind) => {
    const learner = head.makeLearner(kind);
    for (let c = 0; c < head.classes.count; c++) learner.addClass();
    return learner;
  });
  return { done: true, promotion: head.championship.followCandidates(head.candidates, at) };
}

/** Classes are matched by what labels may call them; an open head takes over those that it lacks, as far as it may have more. */
function importModel(head: HeadParts, attachment: Uint8Array | undefined, at: Place): ActResult {
  const { definition, classes, candidates, arithmetic } = head;
  const model = attachment && readModel(attachment);
  if (model === undefined || model.classes.length === 0) return skipped('no_model');
  if (model.dimensions !== definition.dimensions) return skipped('wrong_dimensions');
  for (const name of definition.classes === 'open' ? model.classes : []) {
    const isNew = name !== '' && classes.find(name) === undefined;
    if (isNew && classes.count < definition.maxClasses) addClass(head, name);
  }
  const rows = classes.list().map(() => -1);
  model.classes.forEach((name, row) => {
    const index = classes.find(name);
    if (index !== undefined) rows[index] = row;
  });
  if (rows.every((row) => row < 0)) return skipped('unknown_class');
  candidates.setImported(new Imported({ weights: model.weights, bias: model.bias, rows }, arithmetic));
  return { done: true, promotion: head.championship.followCandidates(candidates, at) };
}

function readModel(bytes: Uint8Array): HeadModel | undefined {
  try {
    const model = decodeModel(bytes);
    return model.weights.every(Number.isFinite) && model.bias.every(Number.isFinite) ? model : undefined;
  } catch (error) {
    if (error instanceof LearnerError) return undefined;
    throw error;
  }
}

function skipped(reason: ActSkipReason): ActResult {
  return { done: false, reason };
}
