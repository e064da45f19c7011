import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arithmetic } from '../../../src/learner/arithmetic/arithmetic.js';
import { plainArithmetic } from '../../../src/learner/arithmetic/plain.js';
import type { LearnerState } from '../../../src/learner/learners/learner.js';
import type { Arithmetic } from '../../../src/native/index.js';
import { accuracy, addClasses, learn, type MakeLearner, predict, snapshot, taught, upTo } from './drive.js';

/** What a learner's numbers have to be: finite whatever comes, and the same whatever computes them. */
export function numbersContract(
  name: string,
  makeWith: (dimensions: number, arithmetic: Arithmetic, state?: LearnerState) => ReturnType<MakeLearner>,
): void {
  const make: MakeLearner = (dimensions, state) => makeWith(dimensions, arithmetic(), state);

  const skip = arithmetic() === plainArithmetic && 'the native addon is not built';
  for (const [dimensions, classes] of [
    [13, 4],
    [64, 9],
  ] as const) {
    test(`${name}: native arithmetic gives the bits of the plain one (${dimensions} x ${classes})`, {
      skip,
    }, async () => {
      const states = [];
      for (const each of [arithmetic(), plainArithmetic]) {
        const { learner } = await taught((d, state) => makeWith(d, each, state), dimensions, classes, 250);
        learner.forget({ recent: 40, lost: 0.75 });
        states.push({ ...(await snapshot(learner)), served: learner.serving() });
      }
      assert.deepEqual(states[0], states[1]);
    });
  }

  test(`${name}: what is served answers as the learner does`, async () => {
    for (const samples of [0, 3, 30, 300]) {
      const { learner, data } = await taught(make, 20, 5, samples);
      learner.addClass();
      const { weights, bias } = learner.serving();
      assert.equal(weights.length, 120);
      assert.equal(bias.length, 6);
      for (let i = 0; i < 50; i++) {
        const embedding = data.embedding(i % 5);
        const logits = await predict(learner, embedding);
        for (let c = 0; c < 6; c++) {
          const served = embedding.reduce((sum, x, d) => sum + x * weights[c * 20 + d]!, bias[c]!);
          const tolerance = 1e-3 + 1e-5 * Math.abs(logits[c]!);
          assert.ok(Math.abs(served - logits[c]!) < tolerance, `class ${c}: served ${served}, learner ${logits[c]}`);
        }
      }
    }
  });

  test(`${name}: refuses what is no sample, and is as it was`, async () => {
    const { learner, data } = await taught(make, 20, 5, 100);
    const before = await snapshot(learner);
    for (const poison of [Number.NaN, Infinity, -Infinity]) {
      const embedding = data.embedding(1);
      embedding[7] = poison;
      assert.throws(() => learner.learnOne(embedding, 1), RangeError);
    }
    for (const classIndex of [-1, 5, 0.5, Number.NaN]) {
      assert.throws(() => learner.learnOne(data.embedding(1), classIndex), RangeError);
    }
    assert.throws(() => learner.learnOne(new Float32Array(19), 1), RangeError);
    assert.throws(() => learner.predict(new Float32Array(21)), RangeError);
    for (const index of [-1, 5, Number.NaN]) assert.throws(() => learner.removeClass(index), RangeError);
    assert.deepEqual(await snapshot(learner), before);
  });

  for (const samples of [30, 300]) {
    test(`${name}: after ${samples} samples, outliers leave everything finite, and what it knows`, async () => {
      const { learner, data } = await taught(make, 20, 5, samples);
      for (let i = 0; i < 20; i++) {
        const size = i % 2 ? 1e30 : -1e30;
        await learn(
          learner,
          data.embedding(1).map((x) => x * size),
          1,
        );
      }
      await learn(learner, new Float32Array(20).fill(3.4e38), 2);
      await learn(learner, new Float32Array(20).fill(-3.4e38), 3);
      assert.ok((await predict(learner, data.embedding(1))).every(Number.isFinite));
      assert.ok((await predict(learner, new Float32Array(20).fill(3.4e38))).every(Number.isFinite));
      const { weights, bias } = learner.serving();
      assert.ok([...weights, ...bias].every(Number.isFinite));
      for (let i = 0; i < 500; i++) await learn(learner, data.embedding(i % 5), i % 5);
      assert.ok((await accuracy(learner, data, upTo(5))) >= 0.9);
    });
  }

  test(`${name}: dimensions that are dead, or of extreme sizes, leave everything finite`, async () => {
    for (const values of [
      [1e-44, 0, 0, 0],
      [3.4e38, -3.4e38, 0, 1e-44],
      [3.4e38, 0, 0, 0],
    ]) {
      const learner = make(4);
      addClasses(learner, 2);
      for (let i = 0; i < 150; i++) {
        await learn(
          learner,
          Float32Array.from(values, (value) => (i % 2 ? value : 0)),
          i % 2,
        );
      }
      learner.forget({ recent: 10, lost: 0.75 });
      assert.ok((await predict(learner, Float32Array.from(values))).every(Number.isFinite), `${values}`);
      const { weights, bias } = learner.serving();
      assert.ok([...weights, ...bias].every(Number.isFinite), `${values}`);
    }
  });
}
