import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseNatsUrls } from '../../../../src/learner/nats/connection/nats-url.js';
import { LearnerError } from '../../../../src/learner/types.js';

const NOBODY = { tls: false, user: undefined, password: undefined, token: undefined };

describe('the URLs of NATS', () => {
  const cases: [string | string[], object][] = [
    ['nats://example', { ...NOBODY, servers: ['example:4222'] }],
    ['example:4333', { ...NOBODY, servers: ['example:4333'] }],
    ['127.0.0.1', { ...NOBODY, servers: ['127.0.0.1:4222'] }],
    ['nats://example:80', { ...NOBODY, servers: ['example:80'] }],
    ['nats://[::1]:4333', { ...NOBODY, servers: ['[::1]:4333'] }],
    ['nats://ann:secret@example:1', { ...NOBODY, servers: ['example:1'], user: 'ann', password: 'secret' }],
    ['nats://ann:1234@10.0.0.1:4222', { ...NOBODY, servers: ['10.0.0.1:4222'], user: 'ann', password: '1234' }],
    ['nats://a%40b:p%2Fw%3A%25@example', { ...NOBODY, servers: ['example:4222'], user: 'a@b', password: 'p/w:%' }],
    ['nats://t0ken@example/', { ...NOBODY, servers: ['example:4222'], token: 't0ken' }],
    ['tls://example', { ...NOBODY, servers: ['example:4222'], tls: true }],
    ['nats://a:1, nats://b:2', { ...NOBODY, servers: ['a:1', 'b:2'] }],
    [['nats://u:p@a:1', 'nats://b:2'], { ...NOBODY, servers: ['a:1', 'b:2'], user: 'u', password: 'p' }],
  ];
  for (const [url, expected] of cases) {
    it(`reads ${JSON.stringify(url)}`, () => assert.deepEqual(parseNatsUrls(url), expected));
  }

  const wrong: [string | string[], RegExp][] = [
    ['', /empty/],
    [[], /empty/],
    ['http://example:4222', /scheme/],
    ['nats://', /must have a host|not a URL/],
    ['nats://example:99999', /not a URL/],
    ['nats://example/path', /no path/],
    [['nats://u:p1@a', 'nats://u:p2@b'], /same credentials/],
  ];
  for (const [url, message] of wrong) {
    it(`refuses ${JSON.stringify(url)}`, () => {
      assert.throws(
        () => parseNatsUrls(url),
        (error: unknown) => error instanceof LearnerError && error.code === 'nats_setup' && message.test(error.message),
      );
    });
  }

  it('never shows credentials in its errors', () => {
    const secrets = [
      'nats://u:se,cret@a',
      'http://u:secret@a',
      'nats://u:sec%ret@a',
      'nats://u:se/cret@a',
      'nats://u:secret@a:x',
    ];
    for (const url of secrets) {
      assert.throws(
        () => parseNatsUrls(url),
        (error: Error) => !/cret|sec/.test(error.message),
        url,
      );
    }
  });
});
