import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { status as Status } from '@grpc/grpc-js';
import { ERRORS, printable, StatusError, toServiceError, toStatusError } from '../../../src/server/errors.js';

function repositoryFile(name: string): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return readFileSync(join(folder, name), 'utf8');
}

test('the table and docs/errors.md agree both ways', () => {
  const rows = repositoryFile('docs/errors.md')
    .split('\n')
    .flatMap((line) => {
      const match = /^\| `([a-z_]+)` \| ([A-Z_]+) \| (.+) \| (.+) \|$/.exec(line);
      return match === null ? [] : [{ code: match[1]!, status: match[2]!, remedy: match[4]! }];
    });
  const table = Object.entries(ERRORS).map(([code, entry]) => ({
    code,
    status: Status[entry.status],
    remedy: entry.remedy,
  }));
  assert.ok(rows.length > 30, `${rows.length} rows found`);
  const byCode = (a: { code: string }, b: { code: string }) => (a.code < b.code ? -1 : 1);
  assert.deepEqual(rows.sort(byCode), table.sort(byCode));
});

test('errors of learner and engine keep their code and message', () => {
  const learner = Object.assign(new Error('no head "x"'), { name: 'LearnerError', code: 'head_unknown' });
  const engine = Object.assign(new Error('bad node'), { name: 'EngineError', code: 'run_failed' });
  assert.deepEqual([toStatusError(learner).status, toStatusError(learner).message], [Status.NOT_FOUND, 'no head "x"']);
  assert.equal(toStatusError(engine).status, Status.INTERNAL);
});

test('what nobody expected tells a caller nothing', () => {
  const error = toStatusError(new TypeError('secret path /root'));
  assert.equal(error.status, Status.INTERNAL);
  assert.doesNotMatch(error.message, /secret/);
  assert.ok(error.cause instanceof TypeError);
  assert.equal(toStatusError(undefined).code, 'internal');
  assert.equal(
    toStatusError(Object.assign(new Error('x'), { name: 'LearnerError', code: 'toString' })).code,
    'internal',
  );
});

test('a delay to wait travels as grpc-retry-pushback-ms', () => {
  const sent = toServiceError(new StatusError('queue_full', 'full', { retryDelayMs: 12.4 }));
  assert.equal(sent.code, Status.RESOURCE_EXHAUSTED);
  assert.deepEqual(sent.metadata.get('grpc-retry-pushback-ms'), ['12']);
  assert.deepEqual(sent.metadata.get('headwater-error'), ['queue_full']);
  assert.deepEqual(toServiceError(new StatusError('internal', 'x')).metadata.get('grpc-retry-pushback-ms'), []);
});

test('messages are one printable line of bounded length', () => {
  assert.equal(printable('a\r\nb\u0000c\u001b[31m'), 'a��b�c�[31m');
  assert.equal(printable('x'.repeat(5000)).length, 1000);
});
