import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identitiesOf, readIdentity } from '../../../../src/server/security/peer-certificate.js';

const identities = (CN: string | string[], subjectaltname?: string) =>
  identitiesOf({ subject: { CN } as never, ...(subjectaltname === undefined ? {} : { subjectaltname }) });

test('names of a certificate', () => {
  assert.deepEqual(identities('cam-1', 'DNS:Cam-1.Example, URI:spiffe://a/b, email:x@y, IP Address:10.0.0.1'), [
    ...['CN:cam-1', 'DNS:cam-1.example', 'URI:spiffe://a/b', 'email:x@y', 'IP:10.0.0.1'],
  ]);
  assert.deepEqual(identities(['a', 'b']), ['CN:a', 'CN:b']);
});

test('a name that carries the text of others is one name', () => {
  assert.deepEqual(identities('x', 'DNS:"a, DNS:admin.example", DNS:b'), ['CN:x', 'DNS:a, dns:admin.example', 'DNS:b']);
  assert.deepEqual(identities('a, DNS:admin.example'), ['CN:a, DNS:admin.example']);
});

test('text that is not understood gives no names at all', () => {
  for (const broken of ['DNS:"a', 'DNS:a", DNS:b', ', DNS:b', 'DNS:"\\x", DNS:b']) {
    assert.deepEqual(identities('x', broken), ['CN:x'], broken);
  }
});

test('a subject of the configuration is a common name unless it says what it is', () => {
  assert.equal(readIdentity('cam-1'), 'CN:cam-1');
  assert.equal(readIdentity('DNS:Cam.Example'), 'DNS:cam.example');
  assert.equal(readIdentity('URI:spiffe://A/b'), 'URI:spiffe://A/b');
});
