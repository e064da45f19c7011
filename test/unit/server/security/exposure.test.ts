import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exposureProblem, INSECURE_CHOICES, isLoopback } from '../../../../src/server/security/exposure.js';

const [ANYONE, IN_THE_CLEAR] = INSECURE_CHOICES;

test('what only this machine reaches', () => {
  for (const host of ['127.0.0.1', '127.9.8.7', 'localhost', 'LOCALHOST', '::1', '[::1]', '::ffff:127.0.0.1']) {
    assert.equal(isLoopback(host), true, host);
  }
  const reachable = [
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '192.168.1.1',
    '127.0.0.1.example.com',
    '1127.0.0.1',
    'localhost.example',
  ];
  for (const host of [...reachable, '128.0.0.1', '2127::1']) assert.equal(isLoopback(host), false, host);
});

test('beyond loopback TLS and credentials are asked for, or words that say what it means', () => {
  const [yes, no] = [true, false];
  const cases: [boolean, boolean, string | null, RegExp | undefined][] = [
    [no, no, null, /with neither TLS nor tokens, whoever reaches it could use it/],
    [yes, no, null, /whoever reaches it could use it: set security\.tokens/],
    [no, yes, null, /tokens could be read on the way: set security\.tls\.certificate/],
    [yes, yes, null, undefined],
    [no, yes, IN_THE_CLEAR, undefined],
    [no, no, IN_THE_CLEAR, /whoever reaches it could use it/],
    [yes, no, IN_THE_CLEAR, /whoever reaches it could use it/],
    [no, no, ANYONE, undefined],
    [yes, no, ANYONE, undefined],
  ];
  for (const [tls, credentials, insecure, expected] of cases) {
    const protection = { tls, credentials, insecure: insecure as typeof ANYONE | null };
    const problem = exposureProblem({ host: '0.0.0.0', ...protection });
    if (expected === undefined) assert.equal(problem, undefined);
    else assert.match(problem ?? '', expected);
    assert.equal(exposureProblem({ host: '127.0.0.1', ...protection }), undefined);
  }
});
