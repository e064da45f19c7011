import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlendWeights } from '../../../../../src/learner/fold/candidates/blend-weights.js';
import { solveSymmetric } from '../../../../../src/learner/fold/candidates/solve-symmetric.js';
import { crossEntropy, softmaxInPlace } from '../../../../../src/learner/head/softmax.js';
import { seededRandom } from '../../../../support/seeded-random.js';

const CLASSES = 5;

function mix(scaled: readonly Float64Array[], weights: readonly number[]): Float64Array {
  return scaled[0]!.map((_, c) => scaled.reduce((sum, logits, k) => sum + weights[k]! * logits[c]!, 0));
}

/** Samples of candidates whose logits are the label plus noise of different sizes. */
function stream(seed: number, noises: readonly number[]) {
  const random = seededRandom(seed);
  return () => {
    const label = Math.floor(random() * CLASSES);
    const scaled = noises.map((noise) =>
      Float64Array.from({ length: CLASSES }, (_, c) => (c === label ? 2 : 0) + noise * (random() + random() - 1)),
    );
    return { scaled, label };
  };
}

function run(
  blend: BlendWeights,
  noises: readonly number[],
  samples: number,
  seed = 1,
): { blend: number; best: number } {
  const next = stream(seed, noises);
  let loss = 0;
  const alone = noises.map(() => 0);
  for (let i = 0; i < samples; i++) {
    const { scaled, label } = next();
    const mixture = mix(scaled, blend.values);
    loss += crossEntropy(mixture, label) / samples;
    scaled.forEach((logits, k) => {
      alone[k]! += crossEntropy(logits, label) / samples;
    });
    softmaxInPlace(mixture);
    blend.learn(scaled, mixture, CLASSES, label);
  }
  return { blend: loss, best: Math.min(...alone) };
}

test('the weights follow the log loss: the blend beats the best of its parts, and noise loses its say', () => {
  const blend = new BlendWeights();
  blend.setNames(['sgd', 'slda', 'rls']);
  assert.deepEqual(blend.values, [1 / 9, 4 / 9, 4 / 9]);
  run(blend, [5, 5, 20], 1500);
  const { blend: loss, best } = run(blend, [5, 5, 20], 1500, 2);
  assert.ok(loss < best - 0.05, `${loss} against ${best}`);
  assert.ok(blend.shareOf('rls') < 0.1, `share ${blend.shareOf('rls')}`);
  assert.ok(blend.shareOf('sgd') > 0.3, `share ${blend.shareOf('sgd')}`);
});

test('the step goes down the slope, and the slope is that of finite differences', () => {
  const { scaled, label } = stream(3, [0.5, 0.8])();
  const blend = new BlendWeights();
  blend.setNames(['sgd', 'rls']);
  const before = [...blend.values];
  const loss = (weights: readonly number[]) => crossEntropy(mix(scaled, weights), label);
  const slopes = before.map((_, k) => {
    const at = (step: number) => loss(before.map((weight, j) => (j === k ? weight + step : weight)));
    return (at(1e-6) - at(-1e-6)) / 2e-6;
  });
  const probabilities = mix(scaled, before);
  softmaxInPlace(probabilities);
  blend.learn(scaled, probabilities, CLASSES, label);
  const { weights, curvature } = blend.snapshot();
  // The curvature times the step gives the slope back.
  for (const k of [0, 1]) {
    const back = before.reduce((sum, weight, j) => sum + curvature[k * 2 + j]! * (weight - weights[j]!), 0);
    assert.ok(Math.abs(back - slopes[k]!) < 1e-5, `slope ${slopes[k]}, from the step ${back}`);
  }
});

test('who comes gets a first share, who goes leaves his, and it goes on from a snapshot to the bit', () => {
  const blend = new BlendWeights();
  blend.setNames(['sgd', 'slda']);
  run(blend, [2, 5], 300);
  const [sgd] = blend.values;
  blend.setNames(['sgd', 'slda', 'rls']);
  assert.ok(Math.abs(blend.values[0]! - (sgd! * 5) / 9) < 1e-12);
  assert.equal(blend.values[2], 4 / 9);
  const copy = new BlendWeights(JSON.parse(JSON.stringify(blend.snapshot())));
  for (const each of [blend, copy]) run(each, [2, 5, 3], 200, 9);
  assert.deepEqual(copy.snapshot(), blend.snapshot());
  blend.setNames(['rls']);
  assert.equal(blend.shareOf('sgd'), 0);
  assert.equal(blend.shareOf('rls'), 1);
});

test('who is held has no say until he is let go; the others take over what he had', () => {
  const blend = new BlendWeights();
  blend.setNames(['sgd', 'slda', 'rls']);
  run(blend, [2, 5, 3], 300);
  const total = blend.values.reduce((sum, weight) => sum + weight, 0);
  blend.hold([true, false, false]);
  assert.equal(blend.values[0], 0);
  assert.ok(Math.abs(blend.values.reduce((sum, weight) => sum + weight, 0) - total) < 1e-12);
  const next = stream(4, [2, 5, 3]);
  for (const held of [true, false]) {
    for (let i = 0; i < 200; i++) {
      const { scaled, label } = next();
      const mixture = mix(scaled, blend.values);
      softmaxInPlace(mixture);
      blend.learn(scaled, mixture, CLASSES, label, [held, false, false]);
    }
    assert.equal(blend.values[0] === 0, held);
  }
  blend.hold([true, true, true]);
  assert.ok(
    blend.values.some((weight) => weight > 0),
    'somebody has to answer',
  );
});

test('wild or equal logits leave the weights finite and not negative', () => {
  const blend = new BlendWeights();
  blend.setNames(['sgd', 'slda', 'rls']);
  const wild = [1e100, -1e100, 0, 1e-300, 5];
  for (let i = 0; i < 500; i++) {
    const logits = Float64Array.from({ length: CLASSES }, (_, c) => (i % 2 ? wild[(c + i) % wild.length]! : c));
    const probabilities = mix([logits, logits, logits], blend.values);
    softmaxInPlace(probabilities);
    blend.learn([logits, logits, logits], probabilities, CLASSES, i % CLASSES);
    assert.ok(
      blend.values.every((weight) => weight >= 0 && weight <= 4),
      `${blend.values}`,
    );
    assert.ok(blend.snapshot().curvature.every(Number.isFinite));
  }
});

test('symmetric systems are solved', () => {
  const x = solveSymmetric(Float64Array.of(4, 1, 0, 1, 3, -1, 0, -1, 2), Float64Array.of(6, 4, 4));
  for (const [i, expected] of [1, 2, 3].entries()) assert.ok(Math.abs(x[i]! - expected) < 1e-12);
});
