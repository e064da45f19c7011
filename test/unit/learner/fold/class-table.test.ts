import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClassTable } from '../../../../src/learner/fold/class-table.js';

function table(...names: string[]): ClassTable {
  const classes = new ClassTable();
  for (const name of names) classes.add(name);
  return classes;
}

test('a renamed class is found by all the names it had', () => {
  const classes = table('cat', 'dog', '__proto__');
  for (const [from, to] of [
    ['cat', 'kitten'],
    ['kitten', 'tom'],
    ['__proto__', 'constructor'],
  ] as const) {
    assert.equal(classes.rename(from, to), undefined);
  }
  for (const name of ['cat', 'kitten', 'tom']) assert.equal(classes.find(name), 0);
  assert.equal(classes.find('__proto__'), 2);
  assert.equal(classes.find('toString'), undefined);
  assert.deepEqual(classes.list(), ['tom', 'dog', 'constructor']);
  assert.deepEqual(classes.aliases(), [
    { from: 'cat', to: 'tom' },
    { from: 'kitten', to: 'tom' },
    { from: '__proto__', to: 'constructor' },
  ]);
});

test('a class may get an old name of its own back, and no name of another', () => {
  const classes = table('cat', 'dog');
  assert.equal(classes.rename('cat', 'tom'), undefined);
  assert.equal(classes.rename('dog', 'tom'), 'name_taken');
  assert.equal(classes.rename('dog', 'cat'), 'name_taken', 'labels still use it for tom');
  assert.equal(classes.rename('tom', 'cat'), undefined);
  assert.deepEqual(classes.aliases(), [{ from: 'tom', to: 'cat' }]);
  assert.equal(classes.rename('tom', 'cat'), 'unknown_class', 'an alias is no class');
  assert.equal(classes.rename('cow', 'ox'), 'unknown_class');
  assert.equal(classes.rename('cat', ''), 'no_name');
  assert.equal(classes.rename('cat', 'cat'), undefined);
});

test('a class that goes takes its aliases along; those after it move down', () => {
  const classes = table('cat', 'dog', 'cow', 'hen');
  classes.rename('dog', 'hound');
  classes.rename('hen', 'rooster');
  for (const index of [1, 2, 3, 3]) classes.countSample(index);
  assert.equal(classes.remove('dog'), undefined, 'an alias is no class');
  assert.equal(classes.remove('hound'), 1);
  assert.deepEqual(classes.snapshot(), {
    names: ['cat', 'cow', 'rooster'],
    samples: [0, 1, 2],
    aliases: [{ name: 'hen', index: 2 }],
  });
  for (const [name, index] of Object.entries({ cat: 0, cow: 1, rooster: 2, hen: 2 })) {
    assert.equal(classes.find(name), index);
  }
  for (const name of ['dog', 'hound']) assert.equal(classes.find(name), undefined);
  assert.deepEqual(new ClassTable(classes.snapshot()).snapshot(), classes.snapshot());
});
