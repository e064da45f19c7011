import assert from 'node:assert/strict';
import { test } from 'node:test';

/** What every learner of heads must be able to do, whatever it does inside. */
export interface ContractLearner {
  readonly classCount: number;
  addClass(): number;
  learnOne(embedding: Float32Array, classIndex: number): void;
  /** Logits [classCount], valid until the next call. */
  predict(embedding: Float32Array): Float64Array;
  /** logits = weights · embedding + bias. */
  serving(): { weights: Float32Array; bias: Float32Array };
  /** Opaque, and given back to `restore` by structured clone. */
  snapshot(): unknown;
}

export interface LearnerMaker {
  fresh(dimensions: number): ContractLearner;
  restore(snapshot: unknown): ContractLearner;
}

/** Embeddings from a seed: class c scatters around a centre of its own, on dimensions of very different sizes. */
export function blobs(dimensions: number, classes: number, seed = 1, spread = 0.5) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const centres = Array.from({ length: classes * dimensions }, uniform);
  return {
    embedding: (c: number) =>
      Float32Array.from({ length: dimensions }, (_, d) => {
        const size = 1 + (d % 7) * 20;
        return size * (5 + centres[c * dimensions + d]! + spread * (uniform() + uniform()));
      }),
    randomClass: (count = classes) => Math.min(count - 1, Math.floor((uniform() + 0.5) * count)),
  };
}

function best(logits: ArrayLike<number>): number {
  let index = 0;
  for (let c = 1; c < logits.length; c++) if (logits[c]! > logits[index]!) index = c;
  return index;
}

function accuracy(learner: ContractLearner, data: ReturnType<typeof blobs>, classes: number[], count = 200): number {
  let correct = 0;
  for (let i = 0; i < count; i++) {
    const c = classes[i % classes.length]!;
    if (best(learner.predict(data.embedding(c))) === c) correct += 1;
  }
  return correct / count;
}

function taught(make: LearnerMaker, dimensions: number, classes: number, samples: number, seed = 1) {
  const data = blobs(dimensions, classes, seed);
  const learner = make.fresh(dimensions);
  for (let c = 0; c < classes; c++) learner.addClass();
  for (let i = 0; i < samples; i++) {
    const c = data.randomClass();
    learner.learnOne(data.embedding(c), c);
  }
  return { learner, data };
}

/** Runs the contract as tests named after the learner. */
export function learnerContract(name: string, make: LearnerMaker): void {
  test(`${name}: learns classes that can be told apart`, () => {
    const { learner, data } = taught(make, 20, 5, 600);
    assert.ok(accuracy(learner, data, [0, 1, 2, 3, 4]) >= 0.9);
  });

  test(`${name}: a cold start is sane`, () => {
    const learner = make.fresh(3);
    assert.equal(learner.predict(Float32Array.of(1, 2, 3)).length, 0);
    learner.addClass();
    learner.learnOne(Float32Array.of(1e3, -2, 0), 0);
    assert.ok(Number.isFinite(learner.predict(Float32Array.of(7, 7, 7))[0]));
    const second = learner.addClass();
    assert.equal(second, 1);
    for (let i = 0; i < 10; i++) {
      learner.learnOne(Float32Array.of(-1e3 + i, 5, 0), 1);
      learner.learnOne(Float32Array.of(1e3 - i, -2, 0), 0);
    }
    assert.equal(best(learner.predict(Float32Array.of(1000, -2, 0))), 0);
    assert.equal(best(learner.predict(Float32Array.of(-1000, 5, 0))), 1);
  });

  test(`${name}: one and the same embedding, again and again, harms nothing`, () => {
    const learner = make.fresh(4);
    learner.addClass();
    learner.addClass();
    for (let i = 0; i < 50; i++) learner.learnOne(Float32Array.of(1, 1, 1, 1), i % 5 === 0 ? 0 : 1);
    assert.equal(best(learner.predict(Float32Array.of(1, 1, 1, 1))), 1);
    assert.ok([...learner.serving().weights, ...learner.serving().bias].every(Number.isFinite));
  });

  test(`${name}: the same samples give the same bits`, () => {
    const [one, two] = [taught(make, 13, 4, 300), taught(make, 13, 4, 300)];
    assert.deepEqual(one.learner.snapshot(), two.learner.snapshot());
    const other = taught(make, 13, 4, 300, 2);
    assert.notDeepEqual(one.learner.snapshot(), other.learner.snapshot());
  });

  test(`${name}: goes on from a snapshot as if nothing had happened`, () => {
    const { learner, data } = taught(make, 13, 4, 137);
    const restored = make.restore(structuredClone(learner.snapshot()));
    for (let i = 0; i < 150; i++) {
      // A class that is new after the restart must not matter either.
      if (i === 60) for (const each of [learner, restored]) each.addClass();
      const c = i > 60 && i % 9 === 0 ? 4 : data.randomClass();
      const embedding = data.embedding(c % 4);
      learner.learnOne(embedding, c);
      restored.learnOne(embedding, c);
    }
    assert.deepEqual(restored.snapshot(), learner.snapshot());
  });

  test(`${name}: a snapshot does not change with the learner`, () => {
    const { learner, data } = taught(make, 13, 4, 100);
    const snapshot = learner.snapshot();
    const before = structuredClone(snapshot);
    learner.learnOne(data.embedding(2), 2);
    assert.deepEqual(snapshot, before);
    assert.notDeepEqual(learner.snapshot(), before);
  });

  test(`${name}: grows by many classes, and old ones keep what they know`, () => {
    const classes = 40;
    const data = blobs(48, classes, 3, 0.3);
    const learner = make.fresh(48);
    for (let c = 0; c < classes; c++) {
      assert.equal(learner.addClass(), c);
      for (let i = 0; i < 25; i++) {
        const earlier = data.randomClass(c + 1);
        learner.learnOne(data.embedding(c), c);
        learner.learnOne(data.embedding(earlier), earlier);
      }
    }
    assert.equal(learner.classCount, classes);
    assert.ok(accuracy(learner, data, [...Array(classes).keys()]) >= 0.9);
  });

  test(`${name}: a class that first appears after 100,000 samples is still learned`, () => {
    const { learner } = taught(make, 6, 3, 0);
    const data = blobs(6, 4, 5, 0.2);
    for (let i = 0; i < 100_000; i++) {
      const c = data.randomClass(3);
      learner.learnOne(data.embedding(c), c);
    }
    const rare = learner.addClass();
    // Rare stays rare: one sample in ten.
    for (let i = 0; i < 1_000; i++) {
      const c = i % 10 === 0 ? rare : data.randomClass(3);
      learner.learnOne(data.embedding(c), c);
    }
    assert.ok(accuracy(learner, data, [rare]) >= 0.9, `recall of the rare class ${accuracy(learner, data, [rare])}`);
    assert.ok(accuracy(learner, data, [0, 1, 2]) >= 0.9);
  });

  test(`${name}: what is served answers as the learner does`, () => {
    const { learner, data } = taught(make, 20, 5, 300);
    const { weights, bias } = learner.serving();
    assert.equal(weights.length, 100);
    for (let i = 0; i < 50; i++) {
      const embedding = data.embedding(i % 5);
      const logits = [...learner.predict(embedding)];
      for (let c = 0; c < 5; c++) {
        const served = embedding.reduce((sum, x, d) => sum + x * weights[c * 20 + d]!, bias[c]!);
        assert.ok(Math.abs(served - logits[c]!) < 1e-3, `class ${c}: served ${served}, learner ${logits[c]}`);
      }
    }
  });

  test(`${name}: outliers, dead dimensions and extreme sizes leave everything finite`, () => {
    const { learner, data } = taught(make, 20, 5, 200);
    for (let i = 0; i < 20; i++)
      learner.learnOne(
        Float32Array.from(data.embedding(1), (x) => x * (i % 2 ? 1e30 : -1e30)),
        1,
      );
    learner.learnOne(new Float32Array(20).fill(3.4e38), 2);
    learner.learnOne(new Float32Array(20).fill(-3.4e38), 3);
    assert.ok([...learner.predict(data.embedding(1))].every(Number.isFinite));
    const { weights, bias } = learner.serving();
    assert.ok([...weights, ...bias].every(Number.isFinite));
    const tiny = make.fresh(4);
    for (let c = 0; c < 2; c++) tiny.addClass();
    for (let i = 0; i < 40; i++) tiny.learnOne(Float32Array.of(i % 2 ? 1e-44 : 0, 0, 0, 0), i % 2);
    assert.ok([...tiny.serving().weights, ...tiny.serving().bias].every(Number.isFinite));
  });
}
