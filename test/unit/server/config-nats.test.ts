import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, parseConfig } from '../../../src/server/config/index.js';

const parse = (text: string, env: Record<string, string> = {}) =>
  parseConfig(text, { env, baseDir: '/etc/headwater', source: 'headwater.yaml' });

function problems(text: string): string {
  try {
    parse(text);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  return 'nothing is wrong';
}

test("files of nats are found from the configuration's folder", () => {
  const { nats } = parse(
    'nats: { url: "tls://nats.example", tls: { ca: certs/ca.pem, certificate: /x/tls.crt, key: tls.key }, credentials: h.creds }',
    { HEADWATER_NATS_TLS_SERVER_NAME: 'nats.internal' },
  );
  assert.deepEqual(nats.tls, {
    ca: '/etc/headwater/certs/ca.pem',
    certificate: '/x/tls.crt',
    key: '/etc/headwater/tls.key',
    serverName: 'nats.internal',
    handshakeFirst: false,
  });
  assert.equal(nats.credentials, '/etc/headwater/h.creds');
  assert.equal(parse('').nats.tls.ca, null);
});

const REFUSED: [string, RegExp][] = [
  ['nats: { nkey: x }', /^headwater\.yaml: nats\.nkey: is for a NATS of yours: set nats\.url/],
  ['nats: { tls: { ca: x } }', /^headwater\.yaml: nats\.tls\.ca: is for a NATS of yours/],
  ['nats: { url: "nats://h", nkey: x, credentials: y }', /nats\.credentials and nats\.nkey are both set/],
  ['nats: { url: "nats://u:hush@h", nkey: x }', /nats\.nkey: the credentials in nats\.url and nats\.nkey are both set/],
  ['nats: { url: "nats://h", user: x }', /nats\.user: nats\.user needs nats\.passwordFile/],
  [
    'nats: { url: "nats://h", tls: { certificate: x } }',
    /nats\.tls\.certificate: nats\.tls\.certificate needs nats\.tls\.key/,
  ],
  ['nats: { url: "nats://h", tls: { caFile: x } }', /nats\.tls\.caFile: unknown key; expected one of: ca/],
  ['nats: { url: "nats://h", nkey: 7 }', /nats\.nkey: expected the path of a file, got 7/],
];
for (const [text, expected] of REFUSED) {
  test(`refused: ${text}`, () => {
    assert.match(problems(text), expected);
    assert.doesNotMatch(problems(text), /hush/);
  });
}
