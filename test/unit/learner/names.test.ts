import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkClassName,
  checkRequestId,
  isHeadName,
  messageKey,
  sampleIdentity,
  subjects,
} from '../../../src/learner/names.js';

test('head names are safe as subject tokens, keys and metric labels', () => {
  for (const good of ['a', 'caltech', '0-9_x', 'a'.repeat(63)]) assert.equal(isHeadName(good), true, good);
  for (const bad of ['', 'A', '-a', '_a', 'a.b', 'a b', 'a*', 'a>', 'é', 'a'.repeat(64), 'a\r\nPUB x']) {
    assert.equal(isHeadName(bad), false, JSON.stringify(bad));
  }
});

test('class names are compared in NFC and counted in characters', () => {
  assert.deepEqual(checkClassName('e\u0301'), { ok: true, value: 'é' });
  assert.equal(checkClassName('🐈'.repeat(128)).ok, true);
  assert.equal(checkClassName('x y * > / .').ok, true);
  for (const bad of ['', 'a'.repeat(129), 'a\nb', 'a\u0000', 'a\u0085', '\ud800']) {
    assert.equal(checkClassName(bad).ok, false, JSON.stringify(bad));
  }
});

test('request ids are 1 to 256 bytes without control characters, compared as they are', () => {
  assert.deepEqual(checkRequestId('e\u0301'), { ok: true, value: 'e\u0301' });
  assert.equal(checkRequestId('é'.repeat(128)).ok, true);
  for (const bad of ['', 'a'.repeat(257), 'é'.repeat(129), 'a\r\nb', '\u007f', '\udfff']) {
    assert.equal(checkRequestId(bad).ok, false, JSON.stringify(bad));
  }
});

test('user text becomes 22 characters that mean nothing to NATS', () => {
  const texts = ['a b', '*', '>', 'x\r\nPUB y 0', '', 'ä'.repeat(5000)];
  const keys = texts.map(messageKey);
  for (const key of keys) assert.match(key, /^[A-Za-z0-9_-]{22}$/);
  assert.equal(new Set(keys).size, texts.length);
  // First 22 characters of base64url(sha256("abc")), from the published digest ba7816bf...
  assert.equal(messageKey('abc'), 'ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0'.slice(0, 22));
});

test('a label without an id is identified by its position, which no id can equal', () => {
  const origin = { streamCreated: '2026-01-01T00:00:00Z', sequence: 7, atMs: 1 };
  assert.equal(sampleIdentity('cat-1', origin), 'cat-1');
  const byPosition = sampleIdentity('', origin);
  assert.equal(checkRequestId(byPosition).ok, false);
  assert.notEqual(byPosition, sampleIdentity('', { ...origin, sequence: 8 }));
  assert.notEqual(byPosition, sampleIdentity('', { ...origin, streamCreated: 'later' }));
  // A killed nats-server may give a sequence twice.
  assert.notEqual(byPosition, sampleIdentity('', { ...origin, atMs: 2 }));
});

test('dead letters of names that are no heads do not put those names into a subject', () => {
  assert.equal(subjects.dead('caltech'), 'headwater.dead.caltech');
  assert.match(subjects.dead('a.b > *'), /^headwater\.dead\.[A-Za-z0-9_-]{22}$/);
});
