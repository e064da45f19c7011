import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkLearnerOptions, defaultLearnerOptions } from '../../../../src/learner/learners/learner-options.js';
import { candidateNames, LearnerError, type LearnerOptions } from '../../../../src/learner/types.js';

test('the defaults, and what operators may choose, are in range', () => {
  checkLearnerOptions(defaultLearnerOptions);
  checkLearnerOptions({ ...defaultLearnerOptions, train: ['sgd', 'refit'], serve: 'blend' });
  for (const serve of candidateNames.filter((name) => name !== 'imported')) {
    checkLearnerOptions({ ...defaultLearnerOptions, serve });
  }
});

test('options out of range are refused by name', () => {
  const wrong: Record<string, unknown[]> = {
    serve: ['best', 'imported', ''],
    train: ['sgd', [], ['adam'], ['sgd', 'sgd'], {}],
    'sgd.rate': [0, Number.NaN, 2],
    'sgd.momentum': [1, -0.1],
    'sgd.weightDecay': [-1, 1],
    'sgd.annealEvery': [0.5, 0, Infinity],
    'sgd.annealFactor': [0.5, Infinity],
    'sgd.rateFloor': [0, 1.5],
    'slda.shrinkage': [0, -1, Number.NaN, Infinity],
    'rls.ridge': [0, -1, Number.NaN, Infinity],
    'refit.capacity': [0, 1.5],
    'refit.growth': [1, Infinity],
    'refit.delay': [-1, 2],
    'drift.delta': [0, 1],
    'drift.react': ['yes'],
  };
  for (const [option, values] of Object.entries(wrong)) {
    const [group, name] = option.split('.') as [keyof LearnerOptions, string?];
    for (const value of values) {
      const changed = name ? { ...(defaultLearnerOptions[group] as object), [name]: value } : value;
      assert.throws(
        () => checkLearnerOptions({ ...defaultLearnerOptions, [group]: changed }),
        (error) =>
          error instanceof LearnerError &&
          error.code === 'invalid_argument' &&
          error.message.startsWith(`learner.${option}: `),
        `${option}: ${value}`,
      );
    }
  }
});
