import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkAct } from '../../../../src/learner/heads/catalogue/check-act.js';
import { noStatistics } from '../../../../src/learner/heads/registry/head-view.js';
import { headRequest } from '../../../support/test-learning.js';

test('a class of the definition can be renamed before the head has a version', () => {
  const fixed = { ...headRequest('pets', { classes: ['cat', 'dog'] }), generation: 1, createdAtMs: 1 };
  const act = { kind: 'rename_class', from: 'cat', to: 'feline' } as const;
  assert.deepEqual(checkAct(fixed, noStatistics, act), act);
  assert.throws(() => checkAct(fixed, noStatistics, { kind: 'delete_class', name: 'emu' }), { code: 'class_unknown' });
  const known = { ...noStatistics, samples: 3, classes: [{ name: 'dog', samples: 3, recent: 3, recall: 1 }] };
  assert.throws(() => checkAct(fixed, known, act), { code: 'class_unknown' }, 'it was deleted since');
});
