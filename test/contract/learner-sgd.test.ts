import { defaultLearnerOptions } from '../../src/learner/head/learner-options.js';
import { SgdClassifier, type SgdState } from '../../src/learner/head/sgd.js';
import { learnerContract } from './learner-contract.js';

const options = defaultLearnerOptions;

learnerContract('sgd', {
  fresh: (dimensions) => new SgdClassifier(options, SgdClassifier.start(dimensions, options)),
  restore: (snapshot) => new SgdClassifier(options, snapshot as SgdState),
});
