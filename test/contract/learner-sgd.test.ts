import assert from 'node:assert/strict';
import { arithmetic } from '../../src/learner/arithmetic/arithmetic.js';
import { Standardiser } from '../../src/learner/head/standardise.js';
import { createLearner } from '../../src/learner/learners/create.js';
import type { LearnerState } from '../../src/learner/learners/learner.js';
import { defaultLearnerOptions as options } from '../../src/learner/learners/learner-options.js';
import { SgdLearner } from '../../src/learner/learners/sgd.js';
import { blobs } from './learner/blobs.js';
import { addClasses } from './learner/drive.js';
import { crossEntropyOf, type GradientCase } from './learner/gradient.js';
import { learnerContract } from './learner-contract.js';

const dimensions = 6;
const classes = 4;
const columns = (name: string, { arrays }: LearnerState) => arrays[name] as Float64Array;

/** Of the live weights, not the averaged ones, and with the weight decay's penalty; without momentum a step is the gradient. */
function gradient(): GradientCase {
  const sgd = { ...options.sgd, rate: 1e-3, momentum: 0, weightDecay: 0.01 };
  const learner = new SgdLearner(dimensions, sgd, arithmetic());
  addClasses(learner, classes);
  const data = blobs(dimensions, classes);
  for (let i = 0; i < 60; i++) learner.learnOne(data.embedding(i % classes), i % classes);
  const before = learner.snapshot();
  // Near the mean, so that the step is not clipped.
  const centre = columns('mean', before);
  learner.learnOne(
    Float32Array.from(centre, (m, d) => m + ((d % 3) - 1) * 0.2 * (1 + (d % 7) * 20)),
    2,
  );
  const after = learner.snapshot();
  const { standardiser } = after.metadata as { standardiser: { count: number; floor: number } };
  const state = { ...standardiser, mean: columns('mean', after), squares: columns('squares', after) };
  const input = new Float64Array(dimensions);
  new Standardiser(state).apply(
    Float32Array.from(centre, (m, d) => m + ((d % 3) - 1) * 0.2 * (1 + (d % 7) * 20)),
    input,
  );
  assert.ok(input.reduce((sum, x) => sum + x * x, 0) < 64);
  const point = parameters(before);
  const loss = crossEntropyOf(input, 2, classes);
  const squaredWeights = (at: Float64Array) =>
    at.subarray(0, classes * dimensions).reduce((sum, weight) => sum + weight * weight, 0);
  return {
    point,
    gradient: parameters(after).map((value, i) => (point[i]! - value) / sgd.rate),
    objective: (at) => loss(at) + (sgd.weightDecay * squaredWeights(at)) / 2,
  };
}

function parameters(state: LearnerState): Float64Array {
  return Float64Array.of(...columns('weights', state), ...columns('bias', state));
}

learnerContract(
  'sgd',
  (dimensions, arithmetic, state) => createLearner('sgd', { dimensions, options, arithmetic }, state),
  gradient,
);
