import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arithmetic } from '../../../../src/learner/arithmetic/arithmetic.js';
import { crossEntropy } from '../../../../src/learner/head/softmax.js';
import { Standardiser } from '../../../../src/learner/head/standardise.js';
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

/** Cross entropy of the live (not averaged) weights, plus the weight decay's penalty, on one standardised input. */
function loss(weights: Float64Array, bias: Float64Array, input: Float64Array, target: number, decay: number): number {
  const logits = bias.map((each, c) => input.reduce((sum, x, d) => sum + weights[c * dimensions + d]! * x, each));
  return crossEntropy(logits, target) + (decay * weights.reduce((sum, w) => sum + w * w, 0)) / 2;
}

test('the step follows the gradient of the cross entropy, by finite differences', () => {
  const options: SgdOptions = { ...defaults, rate: 1e-3, momentum: 0, weightDecay: 0.01 };
  const learner = taught(options, 60);
  const before = stateOf(learner);
  // Near the mean, so that the step is not clipped.
  const embedding = Float32Array.from(before.standardiser.mean, (m, d) => m + ((d % 3) - 1) * 0.2 * (1 + (d % 7) * 20));
  learner.learnOne(embedding, 2);
  const after = stateOf(learner);
  const standardiser = new Standardiser(after.standardiser);
  const input = new Float64Array(dimensions);
  standardiser.apply(embedding, input);
  assert.ok(input.reduce((sum, x) => sum + x * x, 0) < 64);
  const h = 1e-5;
  for (const name of ['weights', 'bias'] as const) {
    for (let i = 0; i < before[name].length; i++) {
      const at = (shift: number) => {
        const moved = { weights: before.weights.slice(), bias: before.bias.slice() };
        moved[name][i]! += shift;
        return loss(moved.weights, moved.bias, input, 2, options.weightDecay);
      };
      const slope = (at(h) - at(-h)) / (2 * h);
      const step = (before[name][i]! - after[name][i]!) / options.rate;
      assert.ok(Math.abs(step - slope) < 1e-6 * Math.max(1, Math.abs(slope)), `${name}[${i}]: ${step} for ${slope}`);
    }
  }
});

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
