import { defaultLearnerOptions } from '../../src/learner/learners/learner-options.js';
import { RefitLearner } from '../../src/learner/learners/refit.js';
import { inlineTrainer } from '../../src/learner/learners/trainer.js';
import { learnerContract } from './learner-contract.js';

learnerContract(
  'refit',
  (dimensions, arithmetic, state) =>
    new RefitLearner(dimensions, defaultLearnerOptions.refit, arithmetic, inlineTrainer, state),
);

learnerContract(
  'refit with a full reservoir',
  (dimensions, arithmetic, state) =>
    new RefitLearner(dimensions, { ...defaultLearnerOptions.refit, capacity: 100 }, arithmetic, inlineTrainer, state),
);
