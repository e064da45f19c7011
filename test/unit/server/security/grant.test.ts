import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyone, demand, demandSight, maySee, nobody } from '../../../../src/server/security/caller.js';
import { callerOf, type Grant, HEAD_PATTERN, matchesPattern } from '../../../../src/server/security/grant.js';

test('patterns match whole names', () => {
  const cases: [string, string, boolean][] = [
    ['pets', 'pets', true],
    ['pets', 'pets2', false],
    ['pets', 'my-pets', false],
    ['*', 'anything', true],
    ['cal-*', 'cal-101', true],
    ['cal-*', 'cal-', true],
    ['cal-*', 'cal', false],
    ['*-test', 'a-test', true],
    ['*-test', 'a-test-', false],
    ['a*b*c', 'abc', true],
    ['a*b*c', 'axxbyyc', true],
    ['a*b*c', 'acb', false],
    ['ab*ba', 'aba', false],
    ['a*a', 'a', false],
  ];
  for (const [pattern, name, expected] of cases)
    assert.equal(matchesPattern(pattern, name), expected, `${pattern} ${name}`);
});

test("a stranger's name is not looked at beyond what names can be", () => {
  assert.equal(matchesPattern('*', 'x'.repeat(64)), false);
  assert.equal(matchesPattern('a*a*a*a*b', 'a'.repeat(10_000_000)), false);
});

test('patterns are names with stars, four at most', () => {
  for (const good of ['*', 'a', 'a-*_b', '****']) assert.match(good, HEAD_PATTERN);
  for (const bad of ['', 'A', 'a b', '*****', 'a.b', 'x'.repeat(64)]) assert.doesNotMatch(bad, HEAD_PATTERN);
});

test('a caller has what its grant says at the moment it is asked', () => {
  let grant: Grant | undefined = { name: 'cameras', scopes: ['infer', 'label'], heads: ['cal-*', 'pets'] };
  const caller = callerOf('cameras', () => grant);
  assert.equal(caller.client, 'cameras');
  assert.equal(caller.may('infer'), true);
  assert.equal(caller.may('infer', 'pets'), true);
  assert.equal(caller.may('label', 'cal-1'), true);
  assert.equal(caller.may('label', 'flowers'), false);
  assert.equal(caller.may('admin', 'pets'), false);
  assert.equal(maySee(caller, 'pets'), true);
  assert.equal(maySee(caller, 'flowers'), false);
  demand(caller, 'label', 'pets');
  assert.throws(() => demand(caller, 'admin', 'pets'), {
    code: 'permission_denied',
    message: 'the credentials of this call lack the scope `admin` for "pets"',
  });
  assert.throws(() => demandSight(caller, 'flowers'), { code: 'permission_denied' });
  grant = undefined;
  assert.throws(() => demand(caller, 'label', 'pets'), { code: 'permission_denied' });
});

test('a token for /metrics sees no head', () => {
  const caller = callerOf('prometheus', () => ({ name: 'prometheus', scopes: ['metrics'], heads: ['*'] }));
  assert.deepEqual([caller.may('metrics'), maySee(caller, 'pets')], [true, false]);
});

test('anyone may everything, nobody nothing', () => {
  assert.deepEqual([maySee(anyone('a'), 'x'), maySee(nobody('a'), 'x')], [true, false]);
});
