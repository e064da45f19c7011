import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainArithmetic } from '../../../../../src/learner/arithmetic/plain.js';
import { Imported } from '../../../../../src/learner/fold/candidates/imported.js';

/** Rows [1, 0] and [0, 2] of a classifier whose second class is the head's first. */
function imported(): Imported {
  const state = { weights: Float32Array.of(1, 0, 0, 2), bias: Float32Array.of(0.5, -0.5), rows: [1, -1, 0] };
  return new Imported(state, plainArithmetic);
}

test('classes are found by their rows; one that it does not know is unlikely, and finite', () => {
  const logits = imported().predict(Float32Array.of(3, 4));
  assert.deepEqual([...logits], [7.5, (7.5 + 3.5) / 2 - 8, 3.5]);
});

test('what is served answers as it predicts, through classes that come and go', () => {
  const classifier = imported();
  classifier.addClass();
  classifier.removeClass(0);
  for (const embedding of [Float32Array.of(3, 4), Float32Array.of(-1, 0.5)]) {
    const logits = classifier.predict(embedding);
    const { weights, bias } = classifier.serving();
    assert.deepEqual([logits.length, weights.length, bias.length], [3, 6, 3]);
    logits.forEach((logit, c) => {
      const served = weights[c * 2]! * embedding[0]! + weights[c * 2 + 1]! * embedding[1]! + bias[c]!;
      assert.ok(Math.abs(served - logit) < 1e-5, `class ${c}: ${served} and ${logit}`);
    });
  }
  for (let c = 0; c < 3; c++) classifier.removeClass(0);
  assert.equal(classifier.predict(Float32Array.of(1, 1)).length, 0);
  classifier.addClass();
  assert.ok(Number.isFinite(classifier.predict(Float32Array.of(1, 1))[0]));
});
