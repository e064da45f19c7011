import { isIP } from 'node:net';
import type { ConnectionOptions } from 'nats';
import { LearnerError } from '../../types.js';
import { fileAuthenticator } from './authenticator.js';
import type { Log } from './log.js';
import type { NatsAddress } from './nats-url.js';
import {
  configurationNames,
  type NatsSecurity,
  type SecurityNames,
  securityProblem,
  wantsTls,
} from './security-options.js';
import { tlsOptions } from './tls.js';

export type { NatsSecurity, NatsTls, SecurityKey, SecurityNames } from './security-options.js';

/** The part of nats.js' options that is about TLS and credentials. */
export type SecureOptions = Pick<
  ConnectionOptions,
  'tls' | 'authenticator' | 'user' | 'pass' | 'token' | 'inboxPrefix'
>;

/**
 * How a connection is secured: TLS, and what proves who we are, from files or from the URL. All files are looked at here, and
 * again at every connection.
 * @throws LearnerError nats_setup, which names the setting and never shows a secret.
 */
export function secureOptions(
  address: NatsAddress,
  security: NatsSecurity,
  log: Log,
  names: SecurityNames = configurationNames,
): SecureOptions {
  const inUrl = address.user !== undefined || address.token !== undefined;
  const problem = securityProblem(security, inUrl, names);
  if (problem !== undefined) throw new LearnerError('nats_setup', problem.problem);
  const encrypted = address.tls || wantsTls(security);
  const inbox = security.inboxPrefix === undefined ? {} : { inboxPrefix: security.inboxPrefix };
  const tls = encrypted ? { tls: tlsOptions(security, address.servers, names, log) } : {};
  const authenticator = fileAuthenticator(security, names, log);
  const sendsSecret = inUrl || Boolean(security.passwordFile || security.tokenFile);
  if (sendsSecret && !encrypted && !address.servers.every(isLoopback)) {
    log(
      'warn',
      `our password goes to NATS at ${address.servers.join(', ')} unencrypted, unless the server asks for TLS; use tls:// or ${names('tls.ca')}`,
    );
  }
  if (authenticator !== undefined) return { ...tls, ...inbox, authenticator };
  const { user, password, token } = address;
  return {
    ...tls,
    ...inbox,
    ...(user === undefined ? {} : { user, pass: password ?? '' }),
    ...(token === undefined ? {} : { token }),
  };
}

function isLoopback(server: string): boolean {
  const host = server.replace(/:\d+$/, '');
  return host === 'localhost' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.'));
}
