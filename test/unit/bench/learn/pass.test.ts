import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Embeddings } from '../../../../bench/learn/embedding-cache.js';
import { stratifiedFolds, streamOrder } from '../../../../bench/learn/folds.js';
import { runPass } from '../../../../bench/learn/pass.js';
import { scoreOf } from '../../../../bench/learn/scores.js';
import { foldSplit } from '../../../../bench/learn/splits.js';
import { seededRandom } from '../../../../src/server/data/random.js';

const SAMPLES = 150;
const DIMENSIONS = 8;

/** Three classes about three corners, not too far from each other. */
function made(): Embeddings {
  const random = seededRandom(7);
  const labels = Array.from({ length: SAMPLES }, (_, index) => index % 3);
  const values = new Float32Array(SAMPLES * DIMENSIONS);
  labels.forEach((label, index) => {
    for (let d = 0; d < DIMENSIONS; d++) values[index * DIMENSIONS + d] = random() + (d % 3 === label ? 0.6 : 0);
  });
  return {
    ...{ set: 'made', backbone: 'none', identity: 'none', engine: 'none', samples: SAMPLES, dimensions: DIMENSIONS },
    ...{ classes: ['x', 'y', 'z'], labels, ids: labels.map((_, index) => `made/${index}`), values },
    folds: stratifiedFolds(labels, 5, 1),
    order: streamOrder(SAMPLES, 1),
  };
}

describe('a pass of bench:learn', () => {
  const embeddings = made();
  const split = foldSplit(embeddings, 0);
  const pass = runPass(embeddings, split);

  it('learns the stream, and predicts the test part by names of classes', () => {
    assert.deepEqual(pass.candidates.map(({ name }) => name).sort(), ['blend', 'refit', 'rls', 'sgd', 'slda']);
    const truth = split.test.map((index) => embeddings.labels[index]!);
    for (const { name, predicted } of pass.candidates) {
      const { top1 } = scoreOf(predicted, truth);
      assert.ok(top1 >= 0.8, `${name}: ${top1}`);
    }
    assert.ok(pass.candidates.some(({ name }) => name === pass.champion));
  });

  it('gives shares of the blend that are one together', () => {
    const shares = Object.values(pass.blend);
    assert.equal(shares.length, 4);
    assert.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 1e-9);
  });

  it('looks at all candidates along the stream, to its end', () => {
    assert.deepEqual(
      pass.curve.map(({ samples }) => samples),
      [20, 40, 60, 80, 100, 120],
    );
    const last = pass.curve.at(-1)!;
    assert.deepEqual(Object.keys(last.accuracy).sort(), ['auto', 'blend', 'refit', 'rls', 'sgd', 'slda']);
    assert.ok(last.accuracy.auto! > 0.7);
  });

  it('depends on nothing but its samples', () => {
    const { milliseconds: _, ...again } = runPass(embeddings, split);
    const { milliseconds: __, ...once } = pass;
    assert.deepEqual(again, once);
  });
});
