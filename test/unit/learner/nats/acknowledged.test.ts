import assert from 'node:assert/strict';
import { it } from 'node:test';
import { subjectMatches } from '../../../../src/learner/nats/streams/acknowledged.js';

it('matches subjects as NATS does', () => {
  const cases: [string, string, boolean][] = [
    ['a.b', 'a.b', true],
    ['a.b', 'a.b.c', false],
    ['a.b.c', 'a.b', false],
    ['a.*', 'a.b', true],
    ['a.*', 'a.b.c', false],
    ['a.*.c', 'a.b.c', true],
    ['a.>', 'a.b.c', true],
    ['a.>', 'a', false],
    ['>', 'a', true],
    ['a', 'b', false],
  ];
  for (const [filter, subject, expected] of cases)
    assert.equal(subjectMatches(filter, subject), expected, `${filter} ${subject}`);
});
