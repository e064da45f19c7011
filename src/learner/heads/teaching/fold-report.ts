import type { ActOutcome, FoldResult } from '../../fold/fold-pool.js';
import type { LearningObserver } from '../../learning.js';
import type { DriftEvent, Promotion } from '../../types.js';

/** What a fold did that people want to know of: one line each. Class names are strangers' text, and quoted as JSON. */
export function reportFold(head: string, result: FoldResult, observer: LearningObserver): void {
  const tell = (level: 'info' | 'warn', event: string, text: string, fields: object = {}) =>
    observer.log(level, `head '${head}': ${text}`, { event, head, ...fields });
  for (let i = 0; i < result.folded; i++) observer.labelResult(head, 'trained');
  for (const [reason, count] of Object.entries(result.skipped)) {
    // The log holds them, the head can't learn them: its classes were used up by labels that came at the same moment, say.
    for (let i = 0; i < count; i++) observer.labelResult(head, 'invalid');
    tell('warn', 'samples_skipped', `${count} sample(s) of the log can't be learned: ${reason}`);
  }
  for (const outcome of result.acts) {
    tell(outcome.skipped === undefined ? 'info' : 'warn', 'head_act', describeAct(outcome), {
      sequence: outcome.sequence,
    });
  }
  for (const promotion of result.promotions) tell('info', 'promotion', describePromotion(promotion), promotion);
  for (const event of result.drift) {
    tell(event.level === 'drift' ? 'warn' : 'info', 'drift', describeDrift(event), driftFields(event));
  }
}

function describeAct({ sequence, act, skipped }: ActOutcome): string {
  const done = skipped === undefined ? 'at' : `changed nothing (${skipped}) at`;
  return `${whatOf(act)} ${done} position ${sequence} of its log`;
}

function whatOf(act: ActOutcome['act']): string {
  switch (act.kind) {
    case 'delete_class':
      return `class ${quote(act.name)} deleted`;
    case 'rename_class':
      return `class ${quote(act.from)} renamed to ${quote(act.to)}`;
    case 'set_learners':
      return `learners set to ${act.learners.join(', ')}`;
    case 'promote':
      return act.candidate === null ? 'promotion left to the scores' : `promotion of ${act.candidate}`;
    case 'import_model':
      return 'weights imported';
  }
}

function describePromotion({ from, to, samples, reason }: Promotion): string {
  return `${to} serves instead of ${from} after ${samples} samples: ${reason}`;
}

/** `level` is the line's own already. */
function driftFields({ level: drift, ...rest }: DriftEvent): object {
  return { drift, ...rest };
}

function describeDrift({ level, samples, errorBefore, errorAfter }: DriftEvent): string {
  const change = `error ${errorBefore.toFixed(3)} to ${errorAfter.toFixed(3)} at ${samples} samples`;
  return level === 'stable' ? `no drift any more: ${change}` : `drift (${level}): ${change}`;
}

/** JSON, with what terminals would act on or hide escaped as well. */
function quote(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
