import assert from 'node:assert/strict';
import { test } from 'node:test';
import { json } from '../../../../src/server/ops/answer.js';

test('JSON shows nothing that a terminal acts on, and is the same value to whoever parses it', () => {
  const value = {
    ready: false,
    waitingFor: { heads: 'head "\u009b2Jpets\u202e\u2028": not loaded', ok: 'Kätzchen 🐈' },
  };
  const { body, status } = json(value, 503);
  assert.doesNotMatch(String(body), /[\u0080-\u009f\u202e\u2028]/);
  assert.match(String(body), /\\u009b2Jpets\\u202e.*Kätzchen 🐈/);
  assert.deepEqual(JSON.parse(String(body)), value);
  assert.equal(status, 503);
});
