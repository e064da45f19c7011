import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { HeadFold } from '../../../../src/learner/fold/head-fold.js';
import type { LearnerKind } from '../../../../src/learner/types.js';
import { blobs } from '../../../contract/learner/blobs.js';
import { upTo } from '../../../contract/learner/drive.js';
import { everyone, hardHead } from './hard-head.js';
import { actOf, definitionOf, entryOf } from './samples.js';

const CLASSES = 6;
const STABLE = 3000;

/** Accuracy over the samples after the classes have changed places, and what the head noticed. */
function changePlaces(react: boolean, train: readonly LearnerKind[], after: number) {
  const { learner } = definitionOf();
  const options = { ...learner, train, drift: { ...learner.drift, react } };
  const fold = new HeadFold(definitionOf({ learner: options }));
  const data = blobs(12, CLASSES, 4, 0.35);
  let right = 0;
  for (let i = 0; i < STABLE + after; i++) {
    const c = data.randomClass();
    const label = i < STABLE ? c : (c + 1) % CLASSES;
    const outcome = fold.fold(entryOf({ label: `class ${label}`, embedding: data.embedding(c) }), i + 1);
    if (i >= STABLE && outcome.kind === 'learned' && outcome.correct) right += 1;
  }
  return { accuracy: right / after, drift: fold.statistics().drift };
}

for (const train of [['sgd'], ['slda'], ['rls'], ['sgd', 'slda', 'rls']] as const) {
  test(`${train.join(' + ')}: after the world changed, accuracy recovers sooner with forgetting than without`, () => {
    const without = changePlaces(false, train, 1500);
    const withForgetting = changePlaces(true, train, 1500);
    for (const { drift } of [without, withForgetting]) {
      const [first] = drift.history.filter(({ level }) => level === 'drift');
      assert.ok(first && first.samples > STABLE && first.samples < STABLE + 100, JSON.stringify(drift.history));
    }
    const gain = withForgetting.accuracy - without.accuracy;
    assert.ok(gain > 0.02, `${withForgetting.accuracy} with, ${without.accuracy} without`);
  });
}

test('classes that appear one after the other are no drift', () => {
  const { learner } = definitionOf();
  const fold = new HeadFold(definitionOf({ learner: { ...learner, train: ['sgd', 'slda'] } }));
  const data = blobs(12, 12, 3, 0.2);
  let sequence = 0;
  for (let known = 1; known <= 12; known++) {
    for (let i = 0; i < 250; i++) {
      const c = i % 2 === 0 ? known - 1 : data.randomClass(known);
      fold.fold(entryOf({ label: `class ${c}`, embedding: data.embedding(c) }), ++sequence);
    }
  }
  const { drift, prequentialAccuracy } = fold.statistics();
  assert.deepEqual(
    drift.history.filter(({ level }) => level === 'drift'),
    [],
  );
  assert.ok(prequentialAccuracy[1]!.accuracy > 0.8);
});

test('a false alarm costs no learner what it knows: labels that are wrong for a while are no new world', () => {
  for (const seed of [1, 2, 3]) {
    const heads = [
      hardHead(8, seed, false, ['sgd', 'slda', 'rls']),
      hardHead(8, seed, true, ['sgd', 'slda', 'rls']),
    ] as const;
    for (let i = 0; i < 2_200; i++) {
      const label = i >= 2_000 && i % 3 === 0 ? (i / 3) % 8 : i % 8;
      for (const { learn } of heads) learn(i % 8, label);
    }
    assert.equal(heads[1].alarms(), 1, `seed ${seed}`);
    const without = new Map(heads[0].accuracies().map(({ name, accuracy }) => [name, accuracy]));
    for (const { name, accuracy } of heads[1].accuracies()) {
      const before = without.get(name)!;
      assert.ok(accuracy > before - 0.08, `${name}, seed ${seed}: ${accuracy} with the alarm, ${before} without`);
    }
  }
});

test('half of the classes first, then the other half, which is hard to tell from it: no drift', () => {
  for (const seed of [1, 2, 3]) {
    const { learn, data, alarms } = hardHead(10, seed);
    for (let i = 0; i < 2_600; i++) learn(i < 1_500 ? data.randomClass(5) : 5 + data.randomClass(5));
    assert.equal(alarms(), 0, `seed ${seed}`);
  }
});

test('a snapshot at a drift goes on as if nothing had happened, whatever the sample', () => {
  for (const seed of upTo(8)) {
    const { definition, fold, data } = hardHead(6, seed, true, seed < 2 ? everyone : ['sgd', 'slda']);
    const restored: HeadFold[] = [];
    for (let i = 0; i < 900; i++) {
      const c = data.randomClass();
      const label = i < 800 ? c : (c + 1) % 6;
      const before = fold.sequence;
      const bytes = entryOf({ label: `class ${label}`, embedding: data.embedding(c) });
      for (const each of [fold, ...restored]) each.fold(bytes, before + 1);
      const near = fold.statistics().drift.level === 'drift' && restored.length < 4;
      if (near) restored.push(HeadFold.restore(definition, fold.stateBytes()));
    }
    assert.equal(restored.length, 4, `seed ${seed}`);
    const expected = fold.stateBytes();
    restored.forEach((each, i) => {
      assert.ok(Buffer.compare(each.stateBytes(), expected) === 0, `seed ${seed}, ${i} samples after the drift`);
    });
  }
});

test('an operator who promotes a bad candidate causes no drift', () => {
  const { learner } = definitionOf();
  const fold = new HeadFold(definitionOf({ learner: { ...learner, train: ['sgd'] } }));
  const data = blobs(12, 3, 6, 0.1);
  const garbage = new HeadFold(definitionOf());
  const teach = (head: HeadFold, samples: number, shift: number) => {
    for (let i = 0; i < samples; i++) {
      const label = `class ${(i + shift) % 3}`;
      head.fold(entryOf({ label, embedding: data.embedding(i % 3) }), head.sequence + 1);
    }
  };
  teach(garbage, 200, 1);
  teach(fold, 1500, 0);
  const model = garbage.modelBytes();
  const digest = createHash('sha256').update(model).digest('hex');
  fold.fold(actOf({ kind: 'import_model', digest }), fold.sequence + 1, model);
  fold.fold(actOf({ kind: 'promote', candidate: 'imported' }), fold.sequence + 1);
  teach(fold, 900, 0);
  const { champion, prequentialAccuracy, drift } = fold.statistics();
  assert.equal(champion, 'imported');
  assert.ok(prequentialAccuracy[0]!.accuracy < 0.2);
  assert.deepEqual(drift, { level: 'stable', history: [] });
});
