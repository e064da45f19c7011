// Operations over HTTP: metrics, the two probes, the live page and its API.
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { HANDSHAKE_TIMEOUT_MS } from '../security/grpc-credentials.js';
import { type HttpGuard, SECURITY_HEADERS } from '../security/http-guard.js';
import type { Tls } from '../security/tls.js';
import { type Answer, json, PLAIN } from './answer.js';
import { API_PREFIX, type HttpApi } from './api/api.js';
import { HttpConnections } from './http-connections.js';
import type { PageFiles } from './page-files.js';
import type { Readiness } from './readiness.js';

export interface OpsOptions {
  readonly readiness: Readiness;
  /** The text for Prometheus, and its content type. @param accept the header of that name */
  readonly metrics: (accept: string) => Promise<{ readonly type: string; readonly body: string }>;
  readonly page: PageFiles;
  readonly api: HttpApi;
  /** Asked before any page is made. */
  readonly guard: HttpGuard;
  /** undefined: plain HTTP. */
  readonly tls: Tls | undefined;
  readonly onTlsError: (error: Error, socket: TLSSocket) => void;
  readonly logError: (message: string, error: unknown) => void;
}

export class OpsServer {
  private readonly server: Server;
  private readonly connections = new HttpConnections();

  constructor(private readonly options: OpsOptions) {
    this.server = create(options.tls);
    this.server.on('connection', (socket) => this.connections.accept(socket));
    this.server.maxHeadersCount = 100;
    this.server.maxRequestsPerSocket = 10_000;
    this.server.timeout = 30_000;
    this.server.on('request', (request, response) => {
      const closed = new AbortController();
      response.once('close', () => closed.abort());
      const anyPage = this.connections.request(request.socket, (tell) => response.once('close', tell));
      this.answer(request, closed.signal, anyPage)
        .catch((error): Answer => {
          options.logError('an ops page failed', error);
          return { status: 500, type: PLAIN, body: 'internal error\n' };
        })
        .then((answer) => {
          respond(response, answer, request.method === 'HEAD');
          // What nobody read of a body is passed over.
          request.resume();
        })
        .catch((error) => options.logError('an ops page was not sent', error));
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

  private async answer(request: IncomingMessage, closed: AbortSignal, anyPage: boolean): Promise<Answer> {
    const url = new URL(`http://host${/^\/[^\s\\]*$/.exec(request.url ?? '')?.[0] ?? '/not-a-path'}`);
    const refusal = this.options.guard(request, url.pathname);
    if (refusal !== undefined) return { type: PLAIN, ...refusal };
    if (!anyPage && !RESERVED_PAGES.includes(url.pathname)) {
      const headers = { connection: 'close', 'retry-after': '1' };
      return { status: 503, type: PLAIN, body: 'all connections are busy; try again later\n', headers };
    }
    if (url.pathname.startsWith(API_PREFIX)) return this.options.api.answer(request, url, closed);
    return this.page(request, url.pathname);
  }

  private async page({ method, headers }: IncomingMessage, path: string): Promise<Answer> {
    const file = this.options.page.answer(path, headers['accept-encoding']);
    if (file === undefined && !PAGES.includes(path)) {
      return { status: 404, type: PLAIN, body: `there is no such page; there are ${PAGES.join(', ')}\n` };
    }
    if (method !== 'GET' && method !== 'HEAD') {
      return { status: 405, type: PLAIN, body: 'only GET and HEAD\n', headers: { allow: 'GET, HEAD' } };
    }
    if (file !== undefined) return file;
    switch (path) {
      case '/metrics':
        return { status: 200, ...(await this.options.metrics(headers.accept ?? '')) };
      case '/readyz':
        return this.readyPage();
      default:
        return { status: 200, type: PLAIN, body: 'ok\n' };
    }
  }

  private readyPage(): Answer {
    const { ready, reasons } = this.options.readiness;
    return json({ ready, waitingFor: reasons }, ready ? 200 : 503);
  }
}

const PAGES: readonly string[] = ['/', '/metrics', '/livez', '/readyz', `${API_PREFIX}overview`];

/** For who looks after the process: answered when all other connections are busy. */
const RESERVED_PAGES: readonly string[] = ['/metrics', '/livez', '/readyz'];

/** Slow and greedy clients are cut off: the longest request is a photo from a phone. */
const LIMITS: ServerOptions = {
  requestTimeout: 20_000,
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

function respond(response: ServerResponse, answer: Answer, headOnly: boolean): void {
  response.writeHead(answer.status, {
    'content-type': answer.type,
    'content-length': Buffer.byteLength(answer.body),
    'cache-control': 'no-store',
    ...SECURITY_HEADERS,
    ...answer.headers,
  });
  response.end(headOnly ? undefined : answer.body);
}
