import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkLearnerOptions, defaultLearnerOptions } from '../../../../src/learner/head/learner-options.js';
import { SgdClassifier, type SgdState } from '../../../../src/learner/head/sgd.js';
import { crossEntropy } from '../../../../src/learner/head/softmax.js';
import { Standardiser } from '../../../../src/learner/head/standardise.js';
import { LearnerError, type LearnerOptions } from '../../../../src/learner/types.js';
import { blobs } from '../../../contract/learner-contract.js';

const dimensions = 6;
const classes = 4;

function taught(options: LearnerOptions, samples: number): SgdClassifier {
  const data = blobs(dimensions, classes);
  const learner = new SgdClassifier(options, SgdClassifier.start(dimensions, options));
  for (let c = 0; c < classes; c++) learner.addClass();
  for (let i = 0; i < samples; i++) {
    const c = data.randomClass();
    learner.learnOne(data.embedding(c), c);
  }
  return learner;
}

/** Cross entropy of the live (not averaged) weights, plus the weight decay's penalty, on one standardised input. */
function loss(state: SgdState, input: Float64Array, target: number, weightDecay: number): number {
  const logits = Float64Array.from({ length: classes }, (_, c) =>
    input.reduce((sum, x, d) => sum + state.weights[c * dimensions + d]! * x, state.bias[c]!),
  );
  const penalty = state.weights.reduce((sum, w) => sum + w * w, 0) / 2;
  return crossEntropy(logits, target) + weightDecay * penalty;
}

test('the step follows the gradient of the cross entropy, by finite differences', () => {
  const options: LearnerOptions = { ...defaultLearnerOptions, rate: 1e-3, momentum: 0, weightDecay: 0.01 };
  const learner = taught(options, 60);
  const before = learner.snapshot();
  // Near the mean, so that the step is not clipped.
  const embedding = Float32Array.from(before.standardiser.mean, (m, d) => m + ((d % 3) - 1) * 0.2 * (1 + (d % 7) * 20));
  learner.learnOne(embedding, 2);
  const after = learner.snapshot();
  const standardiser = new Standardiser(structuredClone(after.standardiser));
  const input = new Float64Array(dimensions);
  standardiser.apply(embedding, input);
  assert.ok(input.reduce((sum, x) => sum + x * x, 0) < 64);
  const h = 1e-5;
  for (const name of ['weights', 'bias'] as const) {
    for (let i = 0; i < before[name].length; i++) {
      const decay = name === 'weights' ? options.weightDecay : 0;
      const at = (shift: number) => {
        const moved = structuredClone(before);
        moved[name][i]! += shift;
        return loss(moved, input, 2, decay);
      };
      const slope = (at(h) - at(-h)) / (2 * h);
      const step = (before[name][i]! - after[name][i]!) / options.rate;
      assert.ok(Math.abs(step - slope) < 1e-6 * Math.max(1, Math.abs(slope)), `${name}[${i}]: ${step} for ${slope}`);
    }
  }
});

test('momentum repeats the last step, smaller', () => {
  const options: LearnerOptions = { ...defaultLearnerOptions, weightDecay: 0 };
  const learner = taught(options, 50);
  const before = learner.snapshot();
  learner.learnOne(blobs(dimensions, classes, 9).embedding(1), 1);
  const after = learner.snapshot();
  const gradient = after.velocity.map((v, i) => v - options.momentum * before.velocity[i]!);
  const scale = Math.max(...gradient.map(Math.abs));
  assert.ok(scale > 0);
  after.weights.forEach((w, i) => {
    const expected = before.weights[i]! - options.rate * (options.momentum * before.velocity[i]! + gradient[i]!);
    assert.ok(Math.abs(w - expected) < 1e-12);
  });
});

test('the rate falls in steps that count samples, down to its floor', () => {
  const options: LearnerOptions = {
    ...defaultLearnerOptions,
    rate: 0.01,
    annealEvery: 10,
    annealFactor: 2,
    rateFloor: 0.2,
  };
  const rates = [9, 10, 19, 20, 30, 40, 400].map((samples) => taught(options, samples).snapshot().rate);
  assert.deepEqual(rates, [0.01, 0.005, 0.005, 0.0025, 0.002, 0.002, 0.002]);
});

test('a long embedding moves the weights no more than a common one', () => {
  const move = (size: number) => {
    const learner = taught({ ...defaultLearnerOptions, momentum: 0, weightDecay: 0 }, 2_000);
    const before = learner.snapshot();
    const { mean } = before.standardiser;
    learner.learnOne(
      Float32Array.from(mean, (m, d) => m + size * (1 + (d % 7) * 20) * (d % 2 ? 1 : -1)),
      1,
    );
    const after = learner.snapshot();
    return Math.hypot(...after.weights.map((w, i) => w - before.weights[i]!));
  };
  assert.ok(move(1000) < 3 * move(0.5), `${move(1000)} against ${move(0.5)}`);
});

test('the average is served, and follows the live weights', () => {
  const state = taught(defaultLearnerOptions, 1).snapshot();
  assert.deepEqual(state.average, state.weights);
  const later = taught(defaultLearnerOptions, 300).snapshot();
  assert.notDeepEqual(later.average, later.weights);
});

// The numbers are this code's own, as of its first release: they say that nothing changed, not that it is right.
test('the bits are fixed: a change of the arithmetic would break every stored log', () => {
  const { weights, bias } = taught(defaultLearnerOptions, 200).serving();
  assert.deepEqual(
    [...bias, ...weights.subarray(0, 2)],
    [
      -3.6846206188201904, 19.424772262573242, -106.52540588378906, 90.7852554321289, -0.029916103929281235,
      -0.13319730758666992,
    ],
  );
});

test('options out of range are refused by name', () => {
  checkLearnerOptions(defaultLearnerOptions);
  const wrong: Partial<Record<keyof LearnerOptions, unknown>>[] = [
    { kind: 'adam' },
    { rate: 0 },
    { rate: Number.NaN },
    { momentum: 1 },
    { weightDecay: -1 },
    { annealEvery: 0.5 },
    { annealFactor: 0.5 },
    { annealFactor: Infinity },
    { rateFloor: 0 },
  ];
  for (const option of wrong) {
    const name = Object.keys(option)[0]!;
    assert.throws(
      () => checkLearnerOptions({ ...defaultLearnerOptions, ...option } as LearnerOptions),
      (error) =>
        error instanceof LearnerError && error.code === 'invalid_argument' && error.message.includes(`learner.${name}`),
    );
  }
});
