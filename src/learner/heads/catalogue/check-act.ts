import type { HeadAct } from '../../learning.js';
import { checkClassName } from '../../names.js';
import { candidateNames, type HeadDefinition, type HeadStatistics, LearnerError, learnerKinds } from '../../types.js';

/** Class names that an error lists. */
const MAX_LISTED = 10;

/**
 * Checks an act against what is known of the head: what would change nothing is refused here, where somebody reads the answer.
 * @returns the act as it goes into the log: class names in Unicode normalisation form C, as labels are compared
 * @throws LearnerError class_unknown, invalid_argument.
 */
export function checkAct(definition: HeadDefinition, statistics: HeadStatistics, act: HeadAct): HeadAct {
  switch (act.kind) {
    case 'delete_class':
      return { ...act, name: knownClass(definition, statistics, 'name', act.name) };
    case 'rename_class':
      return checkRename(definition, statistics, act);
    case 'set_learners':
      return checkLearners(act);
    case 'promote':
      return checkPromotion(definition, statistics, act);
  }
}

function checkRename(
  definition: HeadDefinition,
  statistics: HeadStatistics,
  act: HeadAct & { kind: 'rename_class' },
): HeadAct {
  const from = knownClass(definition, statistics, 'from', act.from);
  const to = className('to', act.to);
  if (statistics.classes.some(({ name }) => name === to)) {
    throw refuse(
      `to: head '${definition.name}' has a class ${JSON.stringify(to)} already; delete one of the two first`,
    );
  }
  return { kind: 'rename_class', from, to };
}

function checkLearners(act: HeadAct & { kind: 'set_learners' }): HeadAct {
  const unknown = act.learners.find((kind) => !learnerKinds.includes(kind));
  if (unknown !== undefined) throw refuse(`learners: there is no ${JSON.stringify(unknown)}; ${list(learnerKinds)}`);
  if (act.learners.length === 0) throw refuse(`learners: none is named; ${list(learnerKinds)}`);
  return { kind: 'set_learners', learners: learnerKinds.filter((kind) => act.learners.includes(kind)) };
}

function checkPromotion(
  { name }: HeadDefinition,
  { candidates }: HeadStatistics,
  act: HeadAct & { kind: 'promote' },
): HeadAct {
  const { candidate } = act;
  if (candidate === null) return act;
  if (!candidateNames.includes(candidate)) {
    throw refuse(`candidate: there is no ${JSON.stringify(candidate)}; ${list(candidateNames)}`);
  }
  const there = candidates.map((each) => each.name);
  if (there.length > 0 && !there.includes(candidate)) {
    throw refuse(`candidate: head '${name}' has no ${candidate}; it has: ${there.join(', ')}`);
  }
  return act;
}

function knownClass(definition: HeadDefinition, statistics: HeadStatistics, field: string, text: string): string {
  const name = className(field, text);
  const { classes } = definition;
  // Before the first version nobody but its learner has statistics of a head.
  const untaught = statistics.samples === 0 && statistics.classes.length === 0 && classes !== 'open';
  const known = untaught ? classes : statistics.classes.map((each) => each.name);
  if (known.includes(name)) return name;
  const some = known.slice(0, MAX_LISTED).map((each) => JSON.stringify(each));
  const more = known.length > MAX_LISTED ? `, ... (${known.length} in all)` : '';
  throw new LearnerError(
    'class_unknown',
    `${field}: head '${definition.name}' has no class ${JSON.stringify(name)}; it has: ${some.join(', ') || 'none'}${more}`,
  );
}

function className(field: string, text: string): string {
  const checked = checkClassName(text);
  if (!checked.ok) throw refuse(`${field}: ${checked.problem.replace('the label', 'the name')}`);
  return checked.value;
}

function list(names: readonly string[]): string {
  return `there are: ${names.join(', ')}`;
}

function refuse(problem: string): LearnerError {
  return new LearnerError('invalid_argument', problem);
}
