import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { ConfigError, parseConfig, parseTokens } from '../../../../src/server/config/index.js';
import { INSECURE_CHOICES } from '../../../../src/server/security/exposure.js';
import { createToken, hashToken } from '../../../../src/server/security/token.js';

const parse = (security: object) => parseConfig(stringify({ security }), { baseDir: '/etc/headwater' }).security;

function problems(security: object): string {
  try {
    parse(security);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  return assert.fail(`accepted: ${JSON.stringify(security)}`);
}

const token = (name: string, more: object = {}) => ({
  name,
  hash: hashToken(createToken()),
  scopes: ['infer'],
  heads: ['pets'],
  ...more,
});

test('without the section nothing is protected, and nothing admitted', () => {
  const { tls, tokens, tokensFile, certificates, insecure, health, http } = parse({});
  assert.deepEqual([tls.certificate, tls.clientAuth, tokens, tokensFile, certificates], [null, 'none', [], null, []]);
  assert.deepEqual([insecure, health, http.metrics], [null, 'open', 'credentials']);
});

test('files are relative to the configuration', () => {
  const { tls, tokensFile } = parse({
    tls: { certificate: 'tls.crt', key: 'tls.key', clientCa: '/ca.crt', clientAuth: 'require' },
    tokensFile: 'tokens.yaml',
  });
  assert.deepEqual(
    [tls.certificate, tls.key, tls.clientCa, tokensFile],
    ['/etc/headwater/tls.crt', '/etc/headwater/tls.key', '/ca.crt', '/etc/headwater/tokens.yaml'],
  );
});

test('a token in the place of its hash is refused, and not repeated', () => {
  const secret = createToken();
  const message = problems({ tokens: [token('a', { hash: secret })] });
  assert.match(message, /security\.tokens\.0\.hash: this is a token, not its hash/);
  assert.ok(!message.includes(secret.slice(3)));
  const other = problems({ tokens: [token('a', { hash: 'swordfish' })] });
  assert.match(other, /expected the hash of a token, hw1:/);
  assert.ok(!other.includes('swordfish'));
  assert.ok(!problems({ tokens: [token('a', { hash: 12345678 })] }).includes('12345678'));
});

test('mistakes are named', () => {
  const shared = token('a');
  const pair = { certificate: 'a', key: 'b' };
  const certificate = { name: 'c', subject: 'cam', scopes: ['infer'], heads: ['*'] };
  const mutual = { ...pair, clientCa: 'c', clientAuth: 'request' };
  const cases: [object, RegExp][] = [
    [{ tokens: [shared, { ...shared, name: 'b' }] }, /tokens\.1\.hash: this token is listed twice/],
    [{ tokens: [token('a'), token('a')] }, /tokens\.1\.name: the name "a" is that of another token/],
    [{ tokens: [token('a', { heads: [] })] }, /tokens\.0\.heads: missing: expected the heads/],
    [{ tokens: [token('a', { heads: ['A?'] })] }, /tokens\.0\.heads\.0: expected a name of a head or backbone/],
    [{ tokens: [token('a', { scopes: ['root'] })] }, /expected one of infer, label, admin, metrics/],
    [{ tokens: [token('a', { scopes: [] })] }, /expected at least one scope/],
    [{ tls: { certificate: 'a' } }, /tls\.key: missing: security\.tls\.certificate needs its private key/],
    [{ tls: { key: 'a' } }, /tls\.certificate: missing/],
    [{ tls: { ...pair, clientAuth: 'require' } }, /tls\.clientCa: missing/],
    [{ tls: { ...pair, clientCa: 'c' } }, /tls\.clientAuth: expected request or require/],
    [{ tls: { clientCa: 'c', clientAuth: 'require' } }, /tls\.certificate: missing: clientAuth: require needs TLS/],
    [{ certificates: [certificate] }, /certificates: expected security\.tls\.clientAuth/],
    [{ tls: mutual, certificates: [certificate], tokens: [token('c')] }, /the name "c" is that of a token/],
    [
      { insecure: true },
      /expected null, or in so many words one of: "I know that anyone who reaches this port can use it"/,
    ],
    [{ insecure: 'yes' }, /in so many words/],
    [{ http: { hosts: ['a:80'] } }, /expected a host name without port/],
  ];
  for (const [section, expected] of cases) assert.match(problems(section), expected);
  assert.equal(parse({ insecure: INSECURE_CHOICES[0] }).insecure, INSECURE_CHOICES[0]);
  assert.deepEqual(parse({ tokens: [token('p', { scopes: ['metrics'], heads: undefined })] }).tokens[0]?.heads, []);
});

test('a token in the wrong place of the configuration is not shown', () => {
  const secret = createToken();
  for (const wrong of [
    token(secret),
    token('a', { scopes: [secret] }),
    token('a', { heads: [`${secret}A`] }),
    secret,
  ]) {
    const told = problems({ tokens: [wrong] });
    assert.match(told, /security\.tokens\.0.*: expected /);
    assert.ok(!told.includes(secret.slice(3)), told);
  }
});

test('the file of tokens has the same entries, and shows none of them in errors', () => {
  const entries = [token('a'), token('b')];
  assert.deepEqual(parseTokens(stringify(entries), '/t.yaml'), entries);
  assert.deepEqual(parseTokens('', '/t.yaml'), []);
  const secret = createToken();
  for (const [text, expected] of [
    [stringify([token('a', { hash: secret })]), /\/t\.yaml: 0\.hash: this is a token/],
    [`- { name: a, hash: "${secret}`, /\/t\.yaml:\d+: not valid YAML$/],
    [secret, /\/t\.yaml: the top level: expected a list of tokens/],
    [stringify([token(secret)]), /\/t\.yaml: 0\.name: expected a name of a token/],
    [stringify([token('a', { heads: [secret.toUpperCase()] })]), /0\.heads\.0: expected a name of a head/],
    [`- !${secret} a\n`, /\/t\.yaml:1: not valid YAML$/],
    [stringify([{ ...token('a'), token: secret }]), /unknown key; expected name, hash, scopes and heads/],
  ] as const) {
    assert.throws(
      () => parseTokens(text, '/t.yaml'),
      (error: Error) => {
        assert.match(error.message, expected);
        assert.ok(!error.message.toUpperCase().includes(secret.slice(3).toUpperCase()), error.message);
        return true;
      },
    );
  }
  assert.throws(() => parseTokens(stringify(entries), '/t.yaml', [entries[0]!]), /listed twice/);
  assert.throws(
    () => parseTokens(stringify(entries), '/t.yaml', [], [{ name: 'b' }]),
    /^ConfigError: \/t\.yaml: 1\.name: the name "b" is that of a certificate/,
  );
});
