import assert from 'node:assert/strict';
import { arithmetic } from '../../src/learner/arithmetic/arithmetic.js';
import { defaultLearnerOptions } from '../../src/learner/learners/learner-options.js';
import { inlineTrainer } from '../../src/learner/learners/refit/fit/trainer.js';
import { RefitLearner } from '../../src/learner/learners/refit/refit.js';
import { ReplayedSgd, type ReplayedSgdState } from '../../src/learner/learners/refit/replayed-sgd.js';
import { standardisationOf, standardiseOne } from '../../src/learner/learners/refit/standardisation.js';
import { blobs } from './learner/blobs.js';
import { crossEntropyOf, type GradientCase } from './learner/gradient.js';
import { learnerContract } from './learner-contract.js';

const dimensions = 6;
const classes = 4;

/** Of the steps between the refits; the fits' own objective: test/unit/learner/learners/softmax-regression.test.ts. */
function gradient(): GradientCase {
  const data = blobs(dimensions, classes);
  const embeddings = Array.from({ length: 40 }, (_, i) => data.embedding(i % classes));
  const constants = standardisationOf(Float32Array.from(embeddings.flatMap((each) => [...each])), 40, dimensions);
  const sgd = new ReplayedSgd(dimensions, arithmetic());
  for (let c = 0; c < classes; c++) sgd.addClass();
  for (const [i, embedding] of embeddings.entries()) sgd.step(embedding, i % classes, constants, 30, 1);
  const point = parameters(sgd.snapshot());
  const embedding = Float32Array.from(constants.mean, (m, d) => m + (((d % 3) - 1) * 2) / constants.scale[d]!);
  const input = new Float64Array(dimensions);
  standardiseOne(embedding, constants, input);
  assert.ok(input.reduce((sum, x) => sum + x * x, 0) < 64, 'else the step is shortened');
  const [penalty, weight] = [25, 0.5];
  sgd.step(embedding, 2, constants, penalty, weight);
  const after = parameters(sgd.snapshot());
  // A rate of 0.17 / sqrt(penalty), and the sample's weight.
  const rate = (0.17 / 5) * weight;
  return {
    point,
    gradient: after.map((value, i) => (point[i]! - value) / rate),
    objective: crossEntropyOf(input, 2, classes),
  };
}

function parameters({ weights, bias }: ReplayedSgdState): Float64Array {
  return Float64Array.of(...weights, ...bias);
}

learnerContract(
  'refit',
  (dimensions, arithmetic, state) =>
    new RefitLearner(dimensions, defaultLearnerOptions.refit, arithmetic, inlineTrainer, state),
  gradient,
);

learnerContract(
  'refit with a full reservoir',
  (dimensions, arithmetic, state) =>
    new RefitLearner(dimensions, { ...defaultLearnerOptions.refit, capacity: 100 }, arithmetic, inlineTrainer, state),
  gradient,
);
