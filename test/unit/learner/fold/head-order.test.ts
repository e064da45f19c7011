import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeadFold } from '../../../../src/learner/fold/head-fold.js';
import { upTo } from '../../../contract/learner/drive.js';
import { everyone, hardHead } from './hard-head.js';
import { actOf, definitionOf, entryOf } from './samples.js';

const CLASSES = 8;

test('samples that come class by class: what serves remembers the classes of before', () => {
  for (const seed of [1, 2, 3]) {
    const { fold, learn, accuracies } = hardHead(CLASSES, seed, true, everyone, { dimensions: 48, spread: 1.6 });
    for (let i = 0; i < CLASSES * 250; i++) learn(Math.floor(i / 250));
    const { champion } = fold.statistics();
    const all = accuracies();
    const served = all.find(({ name }) => name === champion)!;
    const best = Math.max(...all.map(({ accuracy }) => accuracy));
    assert.ok(served.accuracy > best - 0.08, `seed ${seed}, ${champion} serves: ${JSON.stringify(all)}`);
  }
});

test('in mixed order nobody forgets, so all keep their weights', () => {
  for (const seed of [1, 2, 3]) {
    const { fold, learn, data } = hardHead(CLASSES, seed);
    for (let i = 0; i < 900; i++) learn(data.randomClass());
    const { champion, candidates, promotions } = fold.statistics();
    assert.equal(champion, 'blend', JSON.stringify(promotions));
    for (const { name, weight } of candidates) assert.ok(name === 'blend' || weight > 0.01, `${name}: ${weight}`);
  }
});

test('old samples are part of the state: a fold that is restored anywhere ends in the same bytes', () => {
  const { definition, fold, data } = hardHead(4, 3);
  let restored = fold;
  for (let i = 0; i < 1_000; i++) {
    const c = Math.floor(i / 250);
    const bytes = entryOf({ label: `class ${c}`, embedding: data.embedding(c) });
    for (const each of new Set([fold, restored])) each.fold(bytes, 2 * i + 1);
    const act = i === 400 ? actOf({ kind: 'delete_class', name: 'class 0' }) : undefined;
    if (act) for (const each of new Set([fold, restored])) each.fold(act, 2 * i + 2);
    if (i % 47 === 20) restored = HeadFold.restore(definition, restored.stateBytes());
  }
  assert.ok(Buffer.compare(restored.stateBytes(), fold.stateBytes()) === 0);
});

test('a head that gets its other learners late is served by the blend soon after, unless it is worse', () => {
  const { learner } = definitionOf();
  for (const at of [0, 20, 150, 400]) {
    const { data } = hardHead(CLASSES, 1);
    const fold = new HeadFold(definitionOf({ dimensions: 32, learner: { ...learner, train: 'auto' } }));
    for (const i of upTo(at + 300)) {
      if (i === at) {
        const act = actOf({ kind: 'set_learners', learners: ['sgd', 'slda', 'rls', 'refit'] });
        fold.fold(act, fold.sequence + 1);
      }
      const c = data.randomClass();
      fold.fold(entryOf({ label: `class ${c}`, embedding: data.embedding(c) }), fold.sequence + 1);
    }
    const { champion, promotions } = fold.statistics();
    assert.equal(champion, 'blend', `learners from sample ${at} on: ${JSON.stringify(promotions)}`);
  }
});
