import { checkLearnerOptions } from '../../learners/learner-options.js';
import type { HeadRequest } from '../../learning.js';
import { checkClassName, isHeadName } from '../../names.js';
import { LearnerError } from '../../types.js';

/**
 * Checks what a head shall be.
 * @returns the classes to store: in Unicode normalisation form C, as labels are compared
 * @throws LearnerError invalid_argument, naming the field.
 */
export function checkHeadRequest(request: HeadRequest): 'open' | string[] {
  const { name, classes, maxClasses, learner } = request;
  checkLearnerOptions(learner);
  const refuse = (problem: string) => new LearnerError('invalid_argument', problem);
  if (!isHeadName(name)) throw refuse(`name: '${name}' must match [a-z0-9][a-z0-9_-]{0,62}`);
  if (!(maxClasses >= 1)) throw refuse(`max_classes: must be at least 1, is ${maxClasses}`);
  if (classes === 'open') return 'open';
  const names = classes.map((text, index) => {
    const checked = checkClassName(text);
    if (!checked.ok) throw refuse(`classes[${index}]: ${checked.problem}`);
    return checked.value;
  });
  const twice = names.find((text, index) => names.indexOf(text) !== index);
  if (twice !== undefined) throw refuse(`classes: '${twice}' is there twice`);
  if (names.length > maxClasses) throw refuse(`classes: ${names.length} are more than max_classes ${maxClasses}`);
  return names;
}
