import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOptions } from '../../../loadtest/options.js';

test('all scenarios are all but the long one', () => {
  const names = readOptions(['--all'])?.scenarios ?? [];
  for (const name of ['capacity', 'steady', 'ramp', 'overload', 'burst', 'mixed', 'slow-clients', 'batch-clients']) {
    assert.ok(names.includes(name), `no ${name}`);
  }
  assert.ok(!names.includes('soak'));
});

test('scenarios by name, several with commas', () => {
  assert.deepEqual(readOptions(['--scenario', 'steady,soak'])?.scenarios, ['steady', 'soak']);
});

test('what can not be is refused with a sentence that says what can', () => {
  assert.throws(() => readOptions([]), /--scenario NAME or --all/);
  assert.throws(() => readOptions(['--all', '--scenario', 'steady']), /--scenario NAME or --all/);
  assert.throws(() => readOptions(['--scenario', 'staedy']), /expected one of capacity, steady/);
  assert.throws(() => readOptions(['--all', '--batch', '0']), /--batch: expected a whole number from 1/);
  assert.throws(() => readOptions(['--all', '--scale', 'x']), /--scale: expected a number/);
  assert.throws(() => readOptions(['--scenario', 'steady', '--check', '--compare']), /run them apart/);
  assert.throws(() => readOptions(['--all', '--write', '--scale', '0.1']), /a trial/);
  assert.throws(() => readOptions(['--all', '--engine', 'gpu']), /--engine: expected one of sparse/);
  assert.throws(() => readOptions(['--al']), /--al/);
});

test('help is no run', () => assert.equal(readOptions(['--help']), undefined));
