import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClassRows, capacityFor } from '../../../../src/learner/learners/class-rows.js';

test('rows keep their numbers while others come and go', () => {
  const rows = new ClassRows(3);
  const expected: number[][] = [];
  for (let step = 0; step < 200; step++) {
    if (step % 3 === 2) {
      const index = (step * 7) % expected.length;
      rows.remove(index);
      expected.splice(index, 1);
    } else {
      rows.add();
      assert.deepEqual([...rows.row(rows.count - 1)], [0, 0, 0], 'a new row is zeros');
      rows.row(rows.count - 1).set([step, -step, 0.5]);
      expected.push([step, -step, 0.5]);
    }
    assert.deepEqual([...rows.copy()], expected.flat());
  }
  assert.deepEqual([...new ClassRows(3, rows.copy()).values], [...rows.values]);
});

test('the capacity follows from the count, so memory can be told beforehand', () => {
  assert.deepEqual([0, 1, 8, 9, 16, 17, 101].map(capacityFor), [8, 8, 8, 16, 16, 32, 128]);
  const rows = new ClassRows(2);
  for (let i = 0; i < 101; i++) rows.add();
  assert.equal(rows.values.length, 256);
});
