import { createHash } from 'node:crypto';
import { type HeadModel, LearnerError, type LearnerKind, learnerKinds, type Promotion } from '../types.js';
import type { Place } from './candidates/championship.js';
import { Imported } from './candidates/imported.js';
import type { ClassTable, RenameProblem } from './class-table.js';
import { addClass, type HeadParts } from './head-parts.js';
import type { LoggedAct } from './log-entry.js';
import { decodeModel } from './model-format.js';

/** Why an act changed nothing: it made no sense where it stands in the log. */
export type ActSkipReason = RenameProblem | 'no_learners' | 'unknown_candidate' | 'no_model' | 'wrong_dimensions';

export type ActResult =
  | { readonly done: true; readonly promotion?: Promotion | undefined }
  | { readonly done: false; readonly reason: ActSkipReason };

/** Of a sha256 in hex. */
const DIGEST_CHARACTERS = 64;

/**
 * Without its attachment, or with another, the fold would go on to another state than the log says.
 * @throws LearnerError log_mismatch.
 */
export function checkAttachment(act: LoggedAct, sequence: number, attachment: Uint8Array | undefined): void {
  if (act.kind !== 'import_model') return;
  const digest = attachment && createHash('sha256').update(attachment).digest('hex');
  if (digest === act.digest) return;
  const problem = digest === undefined ? 'is not there' : `has the digest ${digest}`;
  // A damaged entry may hold anything in its place.
  const named = act.digest.slice(0, DIGEST_CHARACTERS);
  throw new LearnerError(
    'log_mismatch',
    `entry ${sequence} imports the model ${named}, which ${problem}: restore the object, or delete the head`,
  );
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

/**
 * Classes are matched by what labels may call them; an open head takes over those that it lacks, as far as it may have more. A class that is deleted later takes
 * what was imported of it along: one of its name is new.
 */
function importModel(head: HeadParts, attachment: Uint8Array | undefined, at: Place): ActResult {
  const { definition, classes, candidates, arithmetic } = head;
  const model = attachment && readModel(attachment);
  if (model === undefined || model.classes.length === 0) return skipped('no_model');
  if (model.dimensions !== definition.dimensions) return skipped('wrong_dimensions');
  for (const name of definition.classes === 'open' ? model.classes : []) {
    const isNew = name !== '' && classes.find(name) === undefined;
    if (isNew && classes.count < definition.maxClasses) addClass(head, name);
  }
  const rows = rowsOf(classes, model.classes);
  if (rows.every((row) => row < 0)) return skipped('unknown_class');
  candidates.setImported(new Imported({ weights: model.weights, bias: model.bias, rows }, arithmetic));
  return { done: true, promotion: head.championship.followCandidates(candidates, at) };
}

/** Of each of the head's classes: its place among `names`, the first that has its name, or else the first that is an alias of it; -1: none. */
function rowsOf(classes: ClassTable, names: readonly string[]): number[] {
  const places = new Map<string, number>();
  for (const [row, name] of names.entries()) if (!places.has(name)) places.set(name, row);
  const rows = classes.list().map((name) => places.get(name) ?? -1);
  names.forEach((name, row) => {
    const index = classes.find(name);
    if (index !== undefined && rows[index] === -1) rows[index] = row;
  });
  return rows;
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
