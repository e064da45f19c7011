// What an HTTP request has to bring before a page is made for it.
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { TLSSocket } from 'node:tls';
import { StatusError } from '../errors.js';
import { type Authenticator, Unauthenticated } from './authenticator.js';
import type { Caller } from './caller.js';
import type { FailedAttempts } from './failed-attempts.js';

/** A request that is refused. */
export interface HttpRefusal {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface HttpGuardOptions {
  readonly authenticator: Authenticator;
  readonly metrics: 'open' | 'credentials';
  /** `server.host` and the names of `security.http.hosts`. */
  readonly hosts: readonly string[];
  /** Whether connections must have a certificate: the probes need none, so it is checked here and not by TLS. */
  readonly certificateRequired: boolean;
  readonly failures: FailedAttempts;
}

/**
 * Sent with every answer. Nothing may be loaded or framed; the live page sends a policy of its own, which allows its own files.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
};

/** The kubelet asks for these by the pod's address, without credentials; they tell nothing that needs any. */
const PROBES = new Set(['/livez', '/readyz']);
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

export type HttpGuard = (request: IncomingMessage, path: string) => HttpRefusal | undefined;

/** Whose a request is, by the same credentials as a gRPC call. @throws StatusError unauthenticated */
export type HttpCallers = (request: IncomingMessage) => Caller;

/** For the pages below /api/: the guard has let the request in, what it may do is asked of the caller. */
export function httpCallers({
  authenticator,
  failures,
}: Pick<HttpGuardOptions, 'authenticator' | 'failures'>): HttpCallers {
  return (request) => {
    try {
      return callerOfRequest(request, authenticator);
    } catch (error) {
      if (error instanceof Unauthenticated) failures.record(error.reason, 'the API over HTTP', addressOf(request));
      throw error;
    }
  };
}

function callerOfRequest(request: IncomingMessage, authenticator: Authenticator): Caller {
  const { authorization } = request.headers;
  return authenticator.identify({
    authorization: authorization === undefined ? [] : [authorization],
    certificate: () => peerCertificate(request),
    address: addressOf(request),
  });
}

function addressOf({ socket }: IncomingMessage): string {
  return socket.remoteAddress ?? 'unknown';
}

export function httpGuard(options: HttpGuardOptions): HttpGuard {
  const hosts = new Set(['localhost', ...options.hosts.map((host) => host.toLowerCase())]);
  return (request, path) => {
    if (PROBES.has(path) && SAFE_METHODS.has(request.method ?? '')) return undefined;
    const { host, origin } = request.headers;
    if (!isKnownHost(host, hosts)) {
      return { status: 421, body: 'Host: this server is not called so; add the name to security.http.hosts\n' };
    }
    if (!SAFE_METHODS.has(request.method ?? '') && !isOwnOrigin(origin, host as string)) {
      return { status: 403, body: 'Origin: only pages of this server may change anything\n' };
    }
    return credentialsProblem(request, path, options);
  };
}

/**
 * Whether a Host header can be that of a request meant for this server. A page of another site that has its own name resolve
 * to our address (DNS rebinding) sends that name; a plain address can't be rebound, so any will do.
 */
export function isKnownHost(host: string | undefined, known: ReadonlySet<string>): boolean {
  const match = /^(\[[0-9a-f:.]+\]|[^:[\]/@\s]+)(?::\d{1,5})?$/i.exec(host ?? '');
  if (match === null) return false;
  const name = (match[1] as string).toLowerCase().replace(/\.$/, '');
  return known.has(name) || isIP(name.replace(/^\[|\]$/g, '')) !== 0;
}

/** No browser leaves Origin out of a request that changes something, so other clients than browsers have none. */
export function isOwnOrigin(origin: string | undefined, host: string): boolean {
  if (origin === undefined) return true;
  return /^https?:\/\//.test(origin) && origin.replace(/^https?:\/\//, '').toLowerCase() === host.toLowerCase();
}

function credentialsProblem(
  request: IncomingMessage,
  path: string,
  options: HttpGuardOptions,
): HttpRefusal | undefined {
  const { authenticator, metrics, certificateRequired, failures } = options;
  const certificate = () => peerCertificate(request);
  const address = addressOf(request);
  const refuse = (reason: string, status: number, body: string): HttpRefusal => {
    failures.record(reason, path === '/metrics' ? path : 'a page', address);
    return { status, body: `${body}\n`, ...(status === 401 ? { headers: { 'www-authenticate': 'Bearer' } } : {}) };
  };
  const open = path === '/metrics' && metrics === 'open';
  if (certificateRequired && !open && certificate() === undefined) {
    return refuse('no_credentials', 403, 'expected a client certificate that the server trusts');
  }
  if (path !== '/metrics' || open) return undefined;
  try {
    if (callerOfRequest(request, authenticator).may('metrics')) return undefined;
    return refuse('permission_denied', 403, 'the credentials lack the scope `metrics`');
  } catch (error) {
    if (error instanceof Unauthenticated) return refuse(error.reason, 401, error.message);
    if (error instanceof StatusError) return refuse(error.code, 403, error.message);
    throw error;
  }
}

function peerCertificate({ socket }: IncomingMessage) {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const certificate = socket.getPeerCertificate();
  return certificate.raw ? certificate : undefined;
}
