import assert from 'node:assert/strict';
import { test } from 'node:test';
import { worthOfOld } from '../../../../src/learner/learners/worth-of-old.js';

test('what was learned is worth less, the more of the accuracy was lost', () => {
  const worths = [0, 0.03, 0.2, 0.5, 0.75, 0.95, 1].map((lost) => worthOfOld({ recent: 100, lost }));
  assert.equal(worths[0], Infinity);
  assert.ok(worths[1]! > 50_000);
  assert.equal(worths[3], 100);
  assert.equal(worths[6], 1);
  for (let i = 1; i < worths.length; i++) assert.ok(worths[i]! <= worths[i - 1]!);
});
