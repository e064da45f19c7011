import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Candidate } from '../../../../../src/learner/fold/candidates/candidate.js';
import { findBest, findBetter } from '../../../../../src/learner/fold/candidates/champion.js';
import type { CandidateName } from '../../../../../src/learner/types.js';
import { seededRandom } from '../../../../support/seeded-random.js';

function candidate(name: CandidateName, losses: readonly number[]): Candidate {
  const made = new Candidate(name);
  for (const loss of losses) made.scores.add(loss < 0.7, loss);
  return made;
}

const around = (mean: number, count: number, seed: number) => {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => mean + (random() - 0.5));
};

test('a clear lead wins, the clearest of several; a small one, or one over few samples, does not', () => {
  const champion = candidate('sgd', around(1, 2000, 1));
  const better = candidate('slda', around(0.9, 2000, 2));
  const best = candidate('rls', around(0.8, 3000, 3));
  const verdict = findBetter(champion, [champion, better, best]);
  assert.equal(verdict?.winner, best);
  assert.match(verdict?.reason ?? '', /^log loss 0\.\d\d against [01]\.\d\d over 1000 samples$/);
  assert.equal(findBetter(champion, [candidate('slda', around(0.995, 2000, 2))]), undefined);
  assert.equal(findBetter(champion, [candidate('slda', around(0.5, 99, 2))]), undefined);
  assert.equal(findBetter(champion, [candidate('slda', around(0.5, 100, 2))])?.winner.name, 'slda');
  assert.equal(findBetter(champion, [champion]), undefined);
});

test('only samples that both were judged on, and of the world as it is, are compared', () => {
  // The champion was bad long ago, and is good now; the challenger came late.
  const champion = candidate('sgd', [...around(5, 800, 1), ...around(0.5, 400, 2)]);
  const late = candidate('rls', around(1, 800, 3));
  assert.equal(findBetter(champion, [late]), undefined);
  const old = candidate('slda', around(1, 1200, 4));
  assert.equal(findBetter(champion, [old])?.winner, old);
  assert.equal(findBetter(champion, [old], 400), undefined);
  const better = candidate('slda', around(0.1, 1200, 4));
  assert.equal(findBetter(champion, [better], 400)?.winner, better);
  assert.equal(findBetter(champion, [better], 99), undefined);
});

test('equals never take turns', () => {
  let changes = 0;
  for (let seed = 0; seed < 200; seed++) {
    const one = candidate('sgd', around(1, 400, seed * 2 + 1));
    const two = candidate('rls', around(1, 400, seed * 2 + 2));
    if (findBetter(one, [two])) changes += 1;
  }
  assert.ok(changes <= 16, `${changes} of 200 promotions by chance`);
});

test('the best that is left: by mean loss of those that were judged enough, else the first', () => {
  const few = candidate('sgd', around(0.1, 10, 1));
  const [two, one] = [candidate('slda', around(2, 300, 2)), candidate('rls', around(1, 300, 3))];
  assert.equal(findBest([few, two, one]), one);
  assert.equal(findBest([few]), few);
});
