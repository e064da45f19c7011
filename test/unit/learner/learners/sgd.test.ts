import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arithmetic } from '../../../../src/learner/arithmetic/arithmetic.js';
import { argmax } from '../../../../src/learner/head/softmax.js';
import { defaultLearnerOptions } from '../../../../src/learner/learners/learner-options.js';
import { SgdLearner } from '../../../../src/learner/learners/sgd.js';
import type { SgdOptions } from '../../../../src/learner/types.js';
import { blobs } from '../../../contract/learner/blobs.js';

const dimensions = 6;
const classes = 4;
const defaults = defaultLearnerOptions.sgd;

function taught(options: SgdOptions, samples: number): SgdLearner {
  const data = blobs(dimensions, classes);
  const learner = new SgdLearner(dimensions, options, arithmetic());
  for (let c = 0; c < classes; c++) learner.addClass();
  for (let i = 0; i < samples; i++) {
    const c = data.randomClass();
    learner.learnOne(data.embedding(c), c);
  }
  return learner;
}

/** The state with the names that this file needs. */
function stateOf(learner: SgdLearner) {
  const { metadata, arrays } = learner.snapshot();
  const { rate, standardiser } = metadata as { rate: number; standardiser: { count: number; floor: number } };
  const array = (name: string) => arrays[name] as Float64Array;
  return {
    rate,
    standardiser: { ...standardiser, mean: array('mean'), squares: array('squares') },
    weights: array('weights'),
    velocity: array('velocity'),
    average: array('average'),
    bias: array('bias'),
  };
}

test('momentum repeats the last step, smaller', () => {
  const options: SgdOptions = { ...defaults, weightDecay: 0 };
  const learner = taught(options, 50);
  const before = stateOf(learner);
  learner.learnOne(blobs(dimensions, classes, 9).embedding(1), 1);
  const after = stateOf(learner);
  const gradient = after.velocity.map((v, i) => v - options.momentum * before.velocity[i]!);
  assert.ok(Math.max(...gradient.map(Math.abs)) > 0);
  after.weights.forEach((w, i) => {
    const expected = before.weights[i]! - options.rate * (options.momentum * before.velocity[i]! + gradient[i]!);
    assert.ok(Math.abs(w - expected) < 1e-12);
  });
});

test('the rate falls in steps that count samples, down to its floor, and begins anew when the world changes', () => {
  const options: SgdOptions = { ...defaults, rate: 0.01, annealEvery: 10, annealFactor: 2, rateFloor: 0.2 };
  const rates = [9, 10, 19, 20, 30, 40, 400].map((samples) => stateOf(taught(options, samples)).rate);
  assert.deepEqual(rates, [0.01, 0.005, 0.005, 0.0025, 0.002, 0.002, 0.002]);
  const learner = taught(options, 45);
  learner.forget({ recent: 10, lost: 0.75 });
  const data = blobs(dimensions, classes);
  const after = Array.from({ length: 10 }, () => {
    learner.learnOne(data.embedding(1), 1);
    return stateOf(learner).rate;
  });
  assert.deepEqual(after, [...Array(9).fill(0.01), 0.005]);
});

test('a long embedding moves the weights no more than a common one', () => {
  const move = (size: number) => {
    const learner = taught({ ...defaults, momentum: 0, weightDecay: 0 }, 2_000);
    const before = stateOf(learner);
    const embedding = before.standardiser.mean.map((m, d) => m + size * (1 + (d % 7) * 20) * (d % 2 ? 1 : -1));
    learner.learnOne(Float32Array.from(embedding), 1);
    return Math.hypot(...stateOf(learner).weights.map((w, i) => w - before.weights[i]!));
  };
  assert.ok(move(1000) < 3 * move(0.5), `${move(1000)} against ${move(0.5)}`);
});

test('the average is served, and follows the live weights', () => {
  const state = stateOf(taught(defaults, 1));
  assert.deepEqual(state.average, state.weights);
  const later = stateOf(taught(defaults, 300));
  assert.notDeepEqual(later.average, later.weights);
});

test('a class that is behind is shown again by its mean, and only then', () => {
  const learner = new SgdLearner(dimensions, defaults, arithmetic());
  for (let c = 0; c < classes; c++) learner.addClass();
  const data = blobs(dimensions, classes, 3, 0.3);
  const steps = () => (learner.snapshot().arrays.ages as Float64Array)[0]!;
  for (let i = 0; i < 400; i++) learner.learnOne(data.embedding(i % classes), i % classes);
  assert.equal(steps(), 400, 'classes in balance: a step for each sample');
  for (let i = 0; i < 400; i++) learner.learnOne(data.embedding(i % 3), i % 3);
  const shown = steps() - 800;
  assert.ok(shown > 20 && shown < 120, `${shown} times`);
});

test('classes that come one after the other are not forgotten where they overlap', () => {
  const data = blobs(40, 6, 3, 1.5);
  const learner = new SgdLearner(40, defaults, arithmetic());
  for (let c = 0; c < 6; c++) {
    learner.addClass();
    for (let i = 0; i < 300; i++) learner.learnOne(data.embedding(c), c);
  }
  let right = 0;
  for (let i = 0; i < 600; i++) if (argmax(learner.predict(data.embedding(i % 6))) === i % 6) right += 1;
  // Without the means: 341.
  assert.ok(right > 375, `${right} of 600`);
});

// The numbers are this code's own: they say that nothing changed, not that it is right.
test('the bits are fixed: a change of the arithmetic would break every stored log', () => {
  const { weights, bias } = taught(defaults, 200).serving();
  assert.deepEqual(
    [...bias, ...weights.subarray(0, 2)],
    [
      -3.6846206188201904, 19.424772262573242, -106.52540588378906, 90.7852554321289, -0.029916103929281235,
      -0.13319730758666992,
    ],
  );
});
