// What changes a head at a position of its training log: read from requests, stored, and waited for.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type CandidateName,
  candidateNames,
  checkClassName,
  type HeadAct,
  type HeadStatus,
  type Heads,
  type LearnerKind,
  learnerKinds,
} from '../../learner/index.js';
import { quote, StatusError } from '../errors.js';
import type { CallContext } from '../inference/call-context.js';

/** Longest that a call waits until its act is applied. */
const APPLY_TIMEOUT_MS = 10_000;
/** What is left of a shorter deadline for the answer itself. */
const ANSWER_MS = 250;
const POLL_MS = 20;

/** @throws StatusError request_invalid. */
export function promoteAct({ candidate }: { readonly candidate: string }): HeadAct {
  if (candidate === '' || candidate === 'auto') return { kind: 'promote', candidate: null };
  if (isCandidate(candidate)) return { kind: 'promote', candidate };
  throw invalid('candidate', `auto or one of ${candidateNames.join(', ')}`, quote(candidate));
}

/** @throws StatusError request_invalid. */
export function learnersAct({ learners }: { readonly learners: readonly string[] }): HeadAct {
  const kinds = learnerKinds.join(', ');
  if (learners.length === 0) throw invalid('learners', `at least one of ${kinds}`, 'none');
  const unknown = learners.find((name) => !isLearner(name));
  if (unknown !== undefined) throw invalid('learners', kinds, quote(unknown));
  if (new Set(learners).size !== learners.length) throw invalid('learners', 'each once', learners.join(', '));
  return { kind: 'set_learners', learners: learners.filter(isLearner) };
}

/** @throws StatusError request_invalid. */
export function deleteClassAct({ className }: { readonly className: string }): HeadAct {
  return { kind: 'delete_class', name: readClass('class_name', className) };
}

/** @throws StatusError request_invalid. */
export function renameClassAct(request: { readonly from: string; readonly to: string }): HeadAct {
  const [from, to] = [readClass('from', request.from), readClass('to', request.to)];
  if (from === to) throw invalid('to', 'another name than `from`', quote(to));
  return { kind: 'rename_class', from, to };
}

/**
 * Stores an act and waits until it is applied: for 10 s at most, and not beyond the call's deadline.
 *
 * @returns the act's position, and whether it is applied: it will be, in any case, once the head's learner gets to it.
 * @throws LearnerError as `Heads.act`; StatusError head_unknown when the head is deleted meanwhile.
 */
export async function performAct(
  heads: Heads,
  { definition }: HeadStatus,
  act: HeadAct,
  context: CallContext,
  draining: AbortSignal,
): Promise<{ readonly sequence: number; readonly applied: boolean }> {
  const { name, generation } = definition;
  const sequence = await heads.act(name, act);
  const over = AbortSignal.any([context.signal, draining]);
  const until = Math.min(Date.now() + APPLY_TIMEOUT_MS, context.deadlineMs - ANSWER_MS);
  for (;;) {
    const status = heads.status(name);
    if (status?.definition.generation !== generation) {
      throw new StatusError('head_unknown', `head "${name}" was deleted before the change was applied`);
    }
    if (appliedTo(status) >= sequence) return { sequence, applied: true };
    if (over.aborted || Date.now() >= until) return { sequence, applied: false };
    await sleep(POLL_MS, undefined, { signal: over }).catch(() => {});
  }
}

/** A head that answers nothing yet has no version to look for an act in: then it is enough that its learner is past it. */
function appliedTo({ latestVersion, snapshotSequence, learnedSequence = 0 }: HeadStatus): number {
  return latestVersion === 0 ? learnedSequence : snapshotSequence;
}

function readClass(field: string, name: string): string {
  const checked = checkClassName(name);
  if (checked.ok) return checked.value;
  throw new StatusError(
    'request_invalid',
    `${field}: expected a class name: ${checked.problem.replace('the label', 'it')}`,
  );
}

function invalid(field: string, expected: string, got: string): StatusError {
  return new StatusError('request_invalid', `${field}: expected ${expected}; got ${got}`);
}

function isCandidate(name: string): name is CandidateName {
  return (candidateNames as readonly string[]).includes(name);
}

function isLearner(name: string): name is LearnerKind {
  return (learnerKinds as readonly string[]).includes(name);
}
