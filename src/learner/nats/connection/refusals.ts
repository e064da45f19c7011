import { ErrorCode, NatsError } from 'nats';
import { configurationNames, type SecurityNames } from './security-options.js';

/** OpenSSL's and Node.js' words for a certificate that nobody we trust has signed. */
const UNTRUSTED = /^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_UNTRUSTED|CERT_SIGNATURE|CERT_CHAIN)/;

/**
 * Why a server can't be talked to as things are set, and what to change; undefined: it may just be away.
 * @param error of nats.js' connect()
 */
export function setupProblem(error: unknown, names: SecurityNames = configurationNames): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const own = (error as { code?: unknown }).code;
  const nested = error instanceof NatsError ? (error.chainedError as { code?: unknown } | undefined)?.code : undefined;
  for (const code of [own, nested]) {
    const problem = typeof code === 'string' ? problemOf(code, error, names) : undefined;
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function problemOf(code: string, error: Error, names: SecurityNames): string | undefined {
  if (code === ErrorCode.AuthorizationViolation) {
    return (
      `refuses our credentials; put the right ones into ${names('credentials')}, ${names('nkey')} or ${names('user')} ` +
      `and ${names('passwordFile')}, or into ${names('url')}: nats://user:password@host:4222`
    );
  }
  if (code === ErrorCode.ServerOptionNotAvailable) {
    return `offers no TLS, which ${names('url')} (tls://) or ${names('tls.ca')} asks for; give it a tls block, or ask for none`;
  }
  if (UNTRUSTED.test(code)) {
    return `has a certificate that nobody we trust has signed (${error.message}); name its authority with ${names('tls.ca')}`;
  }
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return `has a certificate that is not valid now (${error.message}); renew it, or set this machine's clock`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `has a certificate for another name (${error.message}); use a name of it in ${names('url')}, or ${names('tls.serverName')}`;
  }
  if (/^ERR_SSL_.*ALERT/.test(code)) {
    return `refuses our certificate (${error.message}); see ${names('tls.certificate')} and ${names('tls.key')}`;
  }
  return undefined;
}
