import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FailedAttempts } from '../../../../src/server/security/failed-attempts.js';

test('a flood of attempts is one line every ten seconds, and counted in full', () => {
  const lines: string[] = [];
  let now = 0;
  const failures = new FailedAttempts(
    (_level, line) => lines.push(line),
    () => now,
  );
  for (let at = 0; at < 25_000; at++) {
    now = at;
    failures.record(at % 2 === 0 ? 'unknown_token' : 'no_credentials', '/a/B', '10.0.0.1');
  }
  assert.deepEqual(lines, [
    'refused /a/B from 10.0.0.1: unknown_token',
    'refused /a/B from 10.0.0.1: unknown_token, and 9999 more attempts since the last line like this',
    'refused /a/B from 10.0.0.1: unknown_token, and 9999 more attempts since the last line like this',
  ]);
  assert.deepEqual(
    [...failures.totals],
    [
      ['unknown_token', 12_500],
      ['no_credentials', 12_500],
    ],
  );
});
