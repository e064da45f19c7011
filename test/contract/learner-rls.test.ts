import { createLearner } from '../../src/learner/learners/create.js';
import { defaultLearnerOptions as options } from '../../src/learner/learners/learner-options.js';
import { learnerContract } from './learner-contract.js';

learnerContract(
  'rls',
  (dimensions, arithmetic, state) => createLearner('rls', { dimensions, options, arithmetic }, state),
  {
    skip: 'it is a closed form at every moment: test/unit/learner/learners/rls.test.ts compares it with a direct solve',
  },
);
