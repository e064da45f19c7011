// Operations over HTTP: metrics and the two probes.
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { HANDSHAKE_TIMEOUT_MS } from '../security/grpc-credentials.js';
import { type HttpGuard, SECURITY_HEADERS } from '../security/http-guard.js';
import type { Tls } from '../security/tls.js';
import type { Readiness } from './readiness.js';

export interface OpsOptions {
  readonly readiness: Readiness;
  /** The text for Prometheus. */
  readonly metrics: () => Promise<string>;
  /** Asked before any page is made. */
  readonly guard: HttpGuard;
  /** undefined: plain HTTP. */
  readonly tls: Tls | undefined;
  readonly onTlsError: (error: Error, socket: TLSSocket) => void;
  readonly logError: (message: string, error: unknown) => void;
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const PLAIN = 'text/plain; charset=utf-8';
const INDEX = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Headwater</title></head>
<body><h1>Headwater</h1>
<ul>
<li><a href="/metrics">/metrics</a>: everything counted and timed, for Prometheus</li>
<li><a href="/livez">/livez</a>: whether the process runs</li>
<li><a href="/readyz">/readyz</a>: whether it can serve, or what it waits for</li>
</ul></body></html>
`;

export class OpsServer {
  private readonly server: Server;

  constructor(private readonly options: OpsOptions) {
    this.server = create(options.tls);
    this.server.maxConnections = 256;
    this.server.maxHeadersCount = 100;
    this.server.maxRequestsPerSocket = 10_000;
    this.server.timeout = 30_000;
    this.server.on('request', (request, response) => {
      // Nothing here takes a body: it is not read.
      request.resume();
      this.answer(request).then(
        (page) => respond(response, page, request.method === 'HEAD'),
        (error) => {
          options.logError('an ops page failed', error);
          respond(response, { status: 500, type: PLAIN, body: 'internal error\n' }, false);
        },
      );
    });
    this.server.on('tlsClientError', options.onTlsError);
    this.server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const status = CLIENT_ERRORS[error.code ?? ''] ?? '400 Bad Request';
      if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
    });
  }

  /** @returns the port, of use when 0 was asked for. @throws Error with a `code` such as EADDRINUSE when it can't listen. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, () => {
        this.server.off('error', reject);
        this.server.on('error', (error) => this.options.logError('the ops server failed', error));
        resolve((this.server.address() as AddressInfo).port);
      });
    });
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }

  private async answer(request: IncomingMessage): Promise<Page> {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const refusal = this.options.guard(request, path);
    return refusal === undefined ? this.page(request.method ?? '', path) : { type: PLAIN, ...refusal };
  }

  private async page(method: string, path: string): Promise<Page> {
    const known = ['/', '/metrics', '/livez', '/readyz'];
    if (!known.includes(path)) {
      return { status: 404, type: PLAIN, body: `there is no such page; there are ${known.join(', ')}\n` };
    }
    if (method !== 'GET' && method !== 'HEAD') {
      return { status: 405, type: PLAIN, body: 'only GET and HEAD\n' };
    }
    switch (path) {
      case '/metrics':
        return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: await this.options.metrics() };
      case '/livez':
        return { status: 200, type: PLAIN, body: 'ok\n' };
      case '/readyz':
        return this.readyPage();
      default:
        return { status: 200, type: 'text/html; charset=utf-8', body: INDEX };
    }
  }

  private readyPage(): Page {
    const { ready, reasons } = this.options.readiness;
    const body = `${JSON.stringify({ ready, waitingFor: reasons })}\n`;
    return { status: ready ? 200 : 503, type: 'application/json', body };
  }
}

/** Slow and greedy clients are cut off: nothing here needs a long request. */
const LIMITS: ServerOptions = {
  requestTimeout: 10_000,
  headersTimeout: 5_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 2_000,
  maxHeaderSize: 8 * 1024,
};

const CLIENT_ERRORS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

function create(tls: Tls | undefined): Server | SecureServer {
  if (tls === undefined) return createServer(LIMITS);
  const server = createSecureServer({
    ...LIMITS,
    ...tls.context,
    requestCert: tls.settings.clientAuth !== 'none',
    // Probes come without a certificate: the guard asks for it where it has to be.
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  });
  tls.onChange((context) => server.setSecureContext(context));
  return server;
}

function respond(response: ServerResponse, page: Page, headOnly: boolean): void {
  response.writeHead(page.status, {
    'content-type': page.type,
    'content-length': Buffer.byteLength(page.body),
    'cache-control': 'no-store',
    ...SECURITY_HEADERS,
    ...page.headers,
    ...(page.status === 405 ? { allow: 'GET, HEAD' } : {}),
  });
  response.end(headOnly ? undefined : page.body);
}
