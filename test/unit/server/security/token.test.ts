import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { test } from 'node:test';
import { createToken, hashToken, readTokenHash, tokenId, verifyToken } from '../../../../src/server/security/token.js';
import { TokenTable } from '../../../../src/server/security/token-table.js';

const entry = (name: string, hash: string) => ({ name, hash, scopes: ['infer'] as const, heads: ['*'] });

test('tokens are random, and their hashes tell nothing of the secret', () => {
  const tokens = Array.from({ length: 200 }, createToken);
  assert.equal(new Set(tokens).size, 200);
  for (const token of tokens) {
    assert.match(token, /^hw_[A-Za-z0-9_-]{43}$/);
    assert.equal(Buffer.from(token.slice(3), 'base64url').length, 32);
    const hash = hashToken(token);
    assert.ok(!hash.includes(token.slice(11)));
    assert.equal(readTokenHash(hash)?.id, tokenId(token));
  }
});

test('one token has another hash each time, and is known by each', () => {
  const token = createToken();
  const [first, second] = [hashToken(token), hashToken(token)];
  assert.notEqual(first, second);
  for (const hash of [first, second]) assert.equal(verifyToken(token, readTokenHash(hash)), true);
});

test('a token that differs in any character is another one', () => {
  const token = createToken();
  const hash = readTokenHash(hashToken(token));
  for (let at = 3; at < token.length; at++) {
    const other = token[at] === 'A' ? 'B' : 'A';
    assert.equal(verifyToken(token.slice(0, at) + other + token.slice(at + 1), hash), false, `character ${at}`);
  }
  assert.equal(verifyToken(token, undefined), false);
});

test('what is no token or no hash of ours is not taken for one', () => {
  assert.throws(() => hashToken('secret'), /not a token made by/);
  assert.throws(() => hashToken(`hw_${'a'.repeat(42)}`));
  for (const text of ['', 'hw1:a:b:c', createToken(), `${hashToken(createToken())}x`, 'sha256:00']) {
    assert.equal(readTokenHash(text), undefined, text);
  }
});

test('secrets are compared with timingSafeEqual and nothing else, also when there is no such token', (t) => {
  const compare = t.mock.method(crypto, 'timingSafeEqual');
  const hmac = t.mock.method(crypto, 'createHmac');
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  const token = createToken();
  const table = new TokenTable();
  table.replace([entry('one', hashToken(token))]);
  const wrongSecret = `${token.slice(0, 11)}${createToken().slice(11)}`;
  for (const [what, tried, known] of [
    ['the right one', token, true],
    ['a wrong secret', wrongSecret, false],
    ['an unknown id', createToken(), false],
  ] as const) {
    compare.mock.resetCalls();
    hmac.mock.resetCalls();
    assert.equal(table.find(tried) !== undefined, known, what);
    assert.deepEqual([compare.mock.callCount(), hmac.mock.callCount()], [1, 1], what);
  }
});

test('a token is revoked when its entry is gone or its hash is another, and keeps up with its scopes', () => {
  const [token, other] = [createToken(), createToken()];
  const hash = hashToken(token);
  const table = new TokenTable();
  table.replace([entry('one', hash), entry('two', hashToken(other))]);
  assert.equal(table.size, 2);
  const found = table.find(token);
  assert.equal(found?.name, 'one');
  assert.deepEqual(found.current()?.scopes, ['infer']);
  table.replace([{ ...entry('one', hash), scopes: ['label'] }]);
  assert.deepEqual(found.current()?.scopes, ['label']);
  assert.equal(table.find(other), undefined);
  // The same id with another secret is another token.
  table.replace([entry('one', hashToken(`${token.slice(0, 11)}${other.slice(11)}`))]);
  assert.equal(found.current(), undefined);
  assert.equal(table.find(token), undefined);
});
