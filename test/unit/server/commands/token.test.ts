import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseTokens } from '../../../../src/server/config/index.js';
import { readTokenHash, verifyToken } from '../../../../src/server/security/token.js';
import { headwater } from '../../../support/run-headwater.js';
import { temporaryFolder } from '../../../support/test-learning.js';

async function run(...parameters: string[]): Promise<{ status: number; out: string; err: string }> {
  const { code, ...texts } = await headwater(['token', 'create', ...parameters]);
  return { status: code, ...texts };
}

test('a token is shown once, with the line that lets it in', async () => {
  const { status, out } = await run(
    '--name',
    'cameras',
    '--scope',
    'infer',
    'label',
    '--head',
    'pets',
    '--head',
    'cal-*',
  );
  assert.equal(status, 0);
  const token = /^ {2}(hw_\S+)$/m.exec(out)?.[1] ?? '';
  const line = /^ {2}(- \{.*\})$/m.exec(out)?.[1] ?? '';
  const [entry] = parseTokens(line, 'shown');
  assert.deepEqual([entry?.name, entry?.scopes, entry?.heads], ['cameras', ['infer', 'label'], ['pets', 'cal-*']]);
  assert.equal(verifyToken(token, readTokenHash(entry?.hash ?? '')), true);
  assert.ok(!line.includes(token.slice(11)));
});

test('a name that YAML could take for something else stays a name', async () => {
  for (const name of ['123', 'true', 'null', '0x1f']) {
    const { out } = await run('--name', name, '--scope', 'metrics');
    assert.equal(parseTokens(/^ {2}(- \{.*\})$/m.exec(out)?.[1] ?? '', 'shown')[0]?.name, name);
  }
});

test('files instead: the token for its owner only, the line behind those that are there', async (t) => {
  const folder = temporaryFolder(t);
  const lines = join(folder, 'tokens.yaml');
  for (const name of ['one', 'two']) {
    const file = join(folder, `${name}.token`);
    const { status, out } = await run('--name', name, '--scope', 'metrics', '--token-file', file, '--append', lines);
    assert.equal(status, 0);
    const token = readFileSync(file, 'utf8').trim();
    assert.ok(!out.includes(token));
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const entry = parseTokens(readFileSync(lines, 'utf8'), lines).at(-1);
    assert.equal(entry?.name, name);
    assert.equal(verifyToken(token, readTokenHash(entry?.hash ?? '')), true);
  }
  const again = await run('--name', 'one', '--scope', 'metrics', '--token-file', join(folder, 'one.token'));
  assert.equal(again.status, 1);
  assert.match(again.err, /there is such a file already/);
});

test('wrong use is told', async () => {
  for (const [parameters, expected] of [
    [['--name', 'a', '--scope', 'infer'], /--head is missing/],
    [['--name', 'A b', '--scope', 'metrics'], /expected a name/],
    [['--name', 'a', '--scope', 'root'], /Allowed choices are infer, label, admin, metrics/],
    [['--name', 'a', '--scope', 'infer', '--head', 'A?'], /four at most/],
    [['--scope', 'infer'], /--name/],
  ] as const) {
    const { status, out, err } = await run(...parameters);
    assert.deepEqual([status, out], [2, ''], err);
    assert.match(err, expected);
  }
});
