import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isKnownHost, isOwnOrigin } from '../../../../src/server/security/http-guard.js';

test('a Host is known, a plain address, or refused', () => {
  const known = new Set(['localhost', 'headwater.example']);
  for (const host of [
    'localhost:8002',
    'LOCALHOST',
    'headwater.example',
    'headwater.example.:80',
    '127.0.0.1:8002',
    '[::1]:8002',
    '10.1.2.3',
  ]) {
    assert.equal(isKnownHost(host, known), true, host);
  }
  const refused = [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'a@localhost',
    'localhost/x',
    'localhost:x',
  ];
  for (const host of [undefined, '', ...refused, '[::1', '::1', 'localhost localhost', '[evil]']) {
    assert.equal(isKnownHost(host, known), false, host);
  }
});

test('a page may change something on its own server only', () => {
  assert.equal(isOwnOrigin(undefined, 'localhost:8002'), true);
  assert.equal(isOwnOrigin('http://localhost:8002', 'localhost:8002'), true);
  assert.equal(isOwnOrigin('https://Localhost:8002', 'localhost:8002'), true);
  for (const origin of [
    'null',
    'http://localhost',
    'http://evil.example',
    'http://localhost:8002.evil.example',
    'localhost:8002',
  ]) {
    assert.equal(isOwnOrigin(origin, 'localhost:8002'), false, origin);
  }
});
