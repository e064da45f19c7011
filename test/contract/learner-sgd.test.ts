import { createLearner } from '../../src/learner/learners/create.js';
import { defaultLearnerOptions as options } from '../../src/learner/learners/learner-options.js';
import { learnerContract } from './learner-contract.js';

learnerContract('sgd', (dimensions, arithmetic, state) =>
  createLearner('sgd', { dimensions, options, arithmetic }, state),
);
