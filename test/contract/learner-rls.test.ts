import { createLearner } from '../../src/learner/learners/create.js';
import { defaultLearnerOptions as options } from '../../src/learner/learners/learner-options.js';
import { learnerContract } from './learner-contract.js';

learnerContract('rls', (dimensions, arithmetic, state) =>
  createLearner('rls', { dimensions, options, arithmetic }, state),
);
