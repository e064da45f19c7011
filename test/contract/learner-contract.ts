import { arithmetic } from '../../src/learner/arithmetic/arithmetic.js';
import type { Learner, LearnerState } from '../../src/learner/learners/learner.js';
import type { Arithmetic } from '../../src/native/index.js';
import { type GradientCase, gradientContract } from './learner/gradient.js';
import { learningContract } from './learner/learning.js';
import { numbersContract } from './learner/numbers.js';
import { stateContract } from './learner/state.js';

/** A learner without classes, or one that goes on from a state. */
export type MakeLearnerWith = (dimensions: number, arithmetic: Arithmetic, state?: LearnerState) => Learner;

/**
 * What every learner of heads must be able to do, whatever it does inside: runs as tests named after the learner.
 * @param gradient What its steps descend, or why there is no such thing
 */
export function learnerContract(
  name: string,
  make: MakeLearnerWith,
  gradient: (() => GradientCase) | { readonly skip: string },
): void {
  const makeFastest = (dimensions: number, state?: LearnerState) => make(dimensions, arithmetic(), state);
  learningContract(name, makeFastest);
  stateContract(name, makeFastest);
  numbersContract(name, make);
  gradientContract(name, gradient);
}
