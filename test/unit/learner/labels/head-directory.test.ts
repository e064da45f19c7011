import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeadDefinition } from '../../../../src/learner/index.js';
import { refuseClass } from '../../../../src/learner/labels/head-directory.js';

function head(classes: HeadDefinition['classes'], maxClasses = 2): HeadDefinition {
  return { name: 'pets', classes, maxClasses } as HeadDefinition;
}

/** Classes and former names that were learned. */
function learned(classes: string[], aliases: string[] = []) {
  return {
    classCount: () => classes.length,
    knowsClass: async (_: string, label: string) => [...classes, ...aliases].includes(label),
  };
}

test('a fixed list holds until something is learned; then the classes that there are, with their former names', async () => {
  const fixed = head(['cat', 'dog']);
  assert.equal(await refuseClass(learned([]), fixed, 'cat'), undefined);
  assert.equal((await refuseClass(learned([]), fixed, 'feline'))?.reason, 'unknown_class');
  const renamed = learned(['feline', 'dog'], ['cat']);
  assert.equal(await refuseClass(renamed, fixed, 'feline'), undefined);
  assert.equal(await refuseClass(renamed, fixed, 'cat'), undefined);
  assert.equal((await refuseClass(learned(['cat']), fixed, 'dog'))?.reason, 'unknown_class', 'it was deleted');
});

test('an open head at its cap takes the classes that it has by all their names, and no new ones', async () => {
  const open = head('open');
  assert.equal(await refuseClass(learned(['cat']), open, 'dog'), undefined);
  const full = learned(['feline', 'dog'], ['cat']);
  assert.equal(await refuseClass(full, open, 'cat'), undefined);
  assert.equal(await refuseClass(full, open, 'dog'), undefined);
  assert.equal((await refuseClass(full, open, 'emu'))?.reason, 'class_limit');
});

test('below its cap an open head needs no list of its classes', async () => {
  const away = {
    classCount: () => 1,
    knowsClass: () => Promise.reject(new Error('NATS was asked')),
  };
  assert.equal(await refuseClass(away, head('open'), 'new'), undefined);
});
