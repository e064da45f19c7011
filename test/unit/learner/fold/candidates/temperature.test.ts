import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calibrationError } from '../../../../../src/learner/fold/candidates/calibration-error.js';
import { Candidate } from '../../../../../src/learner/fold/candidates/candidate.js';
import { startOfTemperature, Temperature } from '../../../../../src/learner/fold/candidates/temperature.js';
import { crossEntropy, softmaxInPlace } from '../../../../../src/learner/head/softmax.js';
import { seededRandom } from '../../../../support/seeded-random.js';

const CLASSES = 10;

/** Logits, and a label drawn from their softmax; then the logits times `factor`, which is overconfident above 1. */
function stream(seed: number, factor: number) {
  const random = seededRandom(seed);
  return () => {
    const logits = Float64Array.from({ length: CLASSES }, () => (random() + random() + random() - 1.5) * 4);
    const probabilities = Float64Array.from(logits);
    softmaxInPlace(probabilities);
    let rest = random();
    let label = 0;
    while (label < CLASSES - 1 && rest >= probabilities[label]!) rest -= probabilities[label++]!;
    return { logits: logits.map((logit) => logit * factor), label };
  };
}

/** Calibration error of the last 1000 of `samples` predictions, each judged before it is learned from. */
function errorAfter(
  samples: number,
  factor: number,
  learns: boolean,
  seed = 7,
): { error: number; temperature: number } {
  const next = stream(seed, factor);
  const candidate = new Candidate('sgd');
  const confidences: number[] = [];
  const correct: number[] = [];
  for (let i = 0; i < samples; i++) {
    const { logits, label } = next();
    const judgement = candidate.judge(logits, CLASSES, label);
    confidences.push(judgement.confidence);
    correct.push(judgement.correct ? 1 : 0);
    if (learns) candidate.learn(label);
  }
  return {
    error: calibrationError(confidences.slice(-1000), correct.slice(-1000)),
    temperature: candidate.temperature.value,
  };
}

test('logits that are too sure, or not sure enough, become calibrated; a fixed temperature of 1 leaves them wrong', () => {
  for (const [factor, wrongAtLeast] of [
    [5, 0.2],
    [0.05, 0.2],
    [100, 0.2],
  ] as const) {
    const fixed = errorAfter(2500, factor, false);
    const learned = errorAfter(2500, factor, true);
    assert.ok(fixed.error > wrongAtLeast, `factor ${factor}: error ${fixed.error} at T = 1`);
    assert.ok(learned.error < 0.06, `factor ${factor}: error ${learned.error} with the learned temperature`);
    const ratio = learned.temperature / factor;
    assert.ok(ratio > 0.85 && ratio < 1.18, `factor ${factor}: temperature ${learned.temperature}`);
  }
});

test('calibrated logits stay so, from the first samples on', () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    for (const samples of [50, 300, 3000]) {
      const { temperature } = errorAfter(samples, 1, true, seed);
      assert.ok(temperature > 0.7 && temperature < 1.4, `seed ${seed}, ${samples} samples: ${temperature}`);
    }
  }
});

test('a step goes down the slope of the log loss, which is that of finite differences', () => {
  const logits = Float64Array.of(2, -1, 0.5, 0.2);
  const loss = (logTemperature: number, label: number) =>
    crossEntropy(
      logits.map((logit) => logit / Math.exp(logTemperature)),
      label,
    );
  for (const label of [0, 1, 2, 3]) {
    const probabilities = Float64Array.from(logits);
    softmaxInPlace(probabilities);
    const state = startOfTemperature();
    new Temperature(state).learn(logits, probabilities, 4, label);
    const even = [0, 1, 2, 3].reduce((sum, c) => sum + (logits[c]! - logits[label]!) / 4, 0);
    // One label in 1000 is as if drawn by lot.
    const slope = (loss(1e-5, label) - loss(-1e-5, label)) / 2e-5 + 0.001 * even;
    const step = -slope / state.curvature;
    assert.ok(Math.abs(state.logTemperature - Math.max(-0.1, Math.min(0.1, step))) < 1e-6, `label ${label}`);
  }
});

test('nothing that logits can be throws it off', () => {
  const wild = [
    [0, 0, 0],
    [1e308, -1e308, 0],
    [Infinity, 1, 2],
    [Number.NaN, 1, 2],
    [1e-320, 0, -1e-320],
    [-Infinity, -Infinity, -Infinity],
  ];
  const candidate = new Candidate('rls');
  for (let i = 0; i < 600; i++) {
    candidate.judge(Float64Array.from(wild[i % wild.length]!), 3, i % 3);
    candidate.learn(i % 3);
    const { temperature, scores } = candidate.snapshot();
    assert.ok(Number.isFinite(temperature.logTemperature) && Number.isFinite(temperature.curvature));
    assert.ok(scores.losses.every((loss) => loss >= 0 && loss <= 10));
  }
  const next = stream(3, 1);
  for (let i = 0; i < 3000; i++) {
    const { logits, label } = next();
    candidate.judge(logits, CLASSES, label);
    candidate.learn(label);
  }
  const { value } = candidate.temperature;
  assert.ok(value > 0.8 && value < 1.25, `${value}: it finds its way back`);
});

test('a class that nobody knew counts as wrong, and costs a guess among one more than the classes', () => {
  const candidate = new Candidate('sgd');
  const judgement = candidate.judge(Float64Array.of(3, 1, 0), 3, -1);
  assert.deepEqual([judgement.predicted, judgement.correct], [0, false]);
  assert.ok(Math.abs(candidate.scores.meanLoss() - Math.log(4)) < 1e-12);
});

test('expected calibration error, by hand', () => {
  assert.equal(calibrationError([], []), 0);
  assert.equal(calibrationError([1, 1], [1, 1]), 0);
  // Two in the bin of 0.5 (one right: no gap), one in the last bin: 0.9 and wrong.
  assert.ok(Math.abs(calibrationError([0.5, 0.5, 0.9], [1, 0, 0]) - 0.3) < 1e-12);
  // A gap in one bin does not make up for one in another.
  assert.ok(Math.abs(calibrationError([0.9, 0.1], [0, 1]) - 0.9) < 1e-12);
});

test('always right is no reason to be sure beyond all doubt', () => {
  const candidate = new Candidate('rls');
  for (let i = 0; i < 20_000; i++) {
    candidate.judge(
      Float64Array.from({ length: CLASSES }, (_, c) => (c === i % CLASSES ? 1 : 0)),
      CLASSES,
      i % CLASSES,
    );
    candidate.learn(i % CLASSES);
  }
  const confidence = candidate.probabilities[19_999 % CLASSES]!;
  assert.ok(confidence > 0.998 && confidence < 0.9999, `${confidence}`);
});
