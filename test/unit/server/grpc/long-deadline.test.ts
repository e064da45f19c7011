import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shortenTimeout } from '../../../../src/server/grpc/long-deadline.js';

const shortened = (timeout: string | undefined) => {
  const headers: Record<string, string> = timeout === undefined ? {} : { 'grpc-timeout': timeout };
  shortenTimeout(headers);
  return headers['grpc-timeout'];
};

test('timeouts that a timer can wait for stay as they are', () => {
  for (const timeout of [undefined, '1H', '576H', '2073600S', '99999999m', '34560M', '99999999u', '0S', 'x', '']) {
    assert.equal(shortened(timeout), timeout);
  }
});

test('longer ones become 24 days', () => {
  for (const timeout of ['27000H', '577H', '99999999H', '34561M', '2073601S', '99999999 S', '999999999S']) {
    assert.equal(shortened(timeout), '576H');
  }
});
