import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerCertificate } from 'node:tls';
import {
  Authenticator,
  type AuthenticatorOptions,
  Unauthenticated,
} from '../../../../src/server/security/authenticator.js';
import { createToken, hashToken } from '../../../../src/server/security/token.js';
import { TokenTable } from '../../../../src/server/security/token-table.js';

const token = createToken();
const tokens = new TokenTable();
tokens.replace([{ name: 'cameras', hash: hashToken(token), scopes: ['infer'], heads: ['pets'] }]);
const lab = { name: 'lab', subject: 'URI:spiffe://lab', scopes: ['admin'], heads: ['lab-*'] } as const;
const certificate = (CN: string, subjectaltname = '') => ({ subject: { CN }, subjectaltname }) as PeerCertificate;

const none: AuthenticatorOptions = { tokens, tokensAsked: false, certificates: [], clientAuth: 'none' };
const withTokens: AuthenticatorOptions = { ...none, tokensAsked: true };
const mutual: AuthenticatorOptions = { ...none, clientAuth: 'require' };
const both: AuthenticatorOptions = { ...withTokens, clientAuth: 'request', certificates: [lab] };

interface Shown {
  readonly token?: string;
  readonly certificate?: PeerCertificate;
}

/** Whose share of the queue a call counts against, and whether it may do everything; or why it is refused. */
function identify(options: AuthenticatorOptions, shown: Shown): string {
  try {
    const caller = new Authenticator(options).identify({
      authorization: shown.token === undefined ? [] : [`Bearer ${shown.token}`],
      certificate: () => shown.certificate,
      address: '10.0.0.1',
    });
    return `${caller.client}${caller.may('admin', 'anything') ? ', everything' : ''}`;
  } catch (error) {
    assert.ok(error instanceof Unauthenticated);
    return error.reason;
  }
}

test('who a caller is, by what is asked for and what it shows', () => {
  const stranger = certificate('stranger');
  const known = certificate('pc', 'URI:spiffe://lab');
  const cases: [string, AuthenticatorOptions, Shown, string][] = [
    ['nothing is asked for', none, {}, '10.0.0.1, everything'],
    ['nothing is asked for, a token comes', none, { token: 'x' }, '10.0.0.1, everything'],
    ['a token', withTokens, { token }, 'cameras'],
    ['no token', withTokens, {}, 'no_credentials'],
    ['a certificate instead of a token', withTokens, { certificate: known }, 'no_credentials'],
    ['any certificate of the authority', mutual, { certificate: stranger }, 'CN:stranger, everything'],
    ['no certificate', mutual, {}, 'no_credentials'],
    ['a listed certificate', both, { certificate: known }, 'lab'],
    ['one that is not listed', both, { certificate: stranger }, 'no_credentials'],
    ['one that is not listed, and a token', both, { certificate: stranger, token }, 'cameras'],
    ['a listed one, and a token', both, { certificate: known, token }, 'cameras'],
    ['a listed one, and a wrong token', both, { certificate: known, token: createToken() }, 'unknown_token'],
    ['not listed, no tokens', { ...both, tokensAsked: false }, { certificate: stranger }, 'unknown_certificate'],
  ];
  for (const [what, options, shown, expected] of cases) assert.equal(identify(options, shown), expected, what);
});

test('credentials are asked for as soon as any are configured', () => {
  assert.equal(new Authenticator(none).required, false);
  assert.equal(new Authenticator({ ...none, clientAuth: 'request' }).required, false);
  for (const options of [withTokens, mutual, both]) assert.equal(new Authenticator(options).required, true);
});
