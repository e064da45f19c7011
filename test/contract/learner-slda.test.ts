import { createLearner } from '../../src/learner/learners/create.js';
import { defaultLearnerOptions as options } from '../../src/learner/learners/learner-options.js';
import { learnerContract } from './learner-contract.js';

learnerContract(
  'slda',
  (dimensions, arithmetic, state) => createLearner('slda', { dimensions, options, arithmetic }, state),
  {
    skip: 'it is a closed form at every moment: test/unit/learner/learners/slda.test.ts compares it with a direct solve',
  },
);
