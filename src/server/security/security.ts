// Who may use the service: what the configuration says of it, put together and kept up to date with its files.
import type { TLSSocket } from 'node:tls';
import { ServerCredentials, type ServerInterceptor } from '@grpc/grpc-js';
import { type Config, parseTokens } from '../config/index.js';
import { StartError } from '../start-error.js';
import { Authenticator } from './authenticator.js';
import { exposureProblem, isLoopback } from './exposure.js';
import { FailedAttempts } from './failed-attempts.js';
import { type HttpCallers, type HttpGuard, httpCallers, httpGuard } from './http-guard.js';
import { admitCalls } from './interceptor.js';
import { type Log, Tls } from './tls.js';
import { type TokenEntry, TokenTable } from './token-table.js';
import { WatchedFiles } from './watched-files.js';

export interface Security {
  /** For GrpcServer. */
  readonly credentials: ServerCredentials;
  readonly interceptor: ServerInterceptor;
  /** For both servers: a TLS connection that came to nothing, such as one with a certificate that is not accepted. */
  readonly onTlsError: (error: Error, socket: TLSSocket) => void;
  /** For OpsServer. */
  readonly guard: HttpGuard;
  /** For the API over HTTP. */
  readonly callers: HttpCallers;
  /** Whether calls need credentials at all. */
  readonly credentialsRequired: boolean;
  /** undefined: without TLS. */
  readonly tls: Tls | undefined;
  readonly failures: FailedAttempts;
  /** Stops looking at files. */
  close(): void;
}

/** @throws StartError when it would be open to strangers without having been told so, or files can't be used. */
export async function openSecurity(settings: Config['security'], host: string, log: Log): Promise<Security> {
  const { clientAuth } = settings.tls;
  const tokensAsked = settings.tokens.length > 0 || settings.tokensFile !== null;
  const tokens = new TokenTable();
  const { certificates } = settings;
  const authenticator = new Authenticator({ tokens, tokensAsked, certificates, clientAuth });
  const encrypted = settings.tls.certificate !== null;
  const { insecure } = settings;
  const problem = exposureProblem({ host, tls: encrypted, credentials: authenticator.required, insecure });
  if (problem !== undefined) throw new StartError(problem);
  if (insecure !== null && !isLoopback(host)) log('warn', `security.insecure is set, and ${host} is not loopback`);

  const tls = await Tls.open(settings.tls, log);
  let tokensFile: WatchedFiles | undefined;
  try {
    tokensFile = await followTokens(settings, tokens, log);
  } catch (error) {
    tls?.close();
    throw error;
  }
  const failures = new FailedAttempts(log);
  return {
    credentials: tls?.grpc ?? ServerCredentials.createInsecure(),
    interceptor: admitCalls({ authenticator, health: settings.health, failures }),
    onTlsError: (error, socket) => {
      const why = socket.authorizationError ?? (error as NodeJS.ErrnoException).code ?? 'unknown';
      failures.record('tls_handshake', `a TLS connection (${why})`, socket.remoteAddress ?? 'unknown');
    },
    guard: httpGuard({
      authenticator,
      metrics: settings.http.metrics,
      hosts: [host, ...settings.http.hosts],
      certificateRequired: clientAuth === 'require',
      failures,
    }),
    callers: httpCallers({ authenticator, failures }),
    credentialsRequired: authenticator.required,
    tls,
    failures,
    close: () => {
      tls?.close();
      tokensFile?.stop();
    },
  };
}

/** Fills the table with the tokens of the configuration and of the file, now and whenever that changes. */
async function followTokens(
  { tokens, tokensFile, tls, certificates }: Config['security'],
  table: TokenTable,
  log: Log,
): Promise<WatchedFiles | undefined> {
  table.replace(tokens);
  if (tokensFile === null) return undefined;
  const take = (content: Buffer | undefined): readonly TokenEntry[] => {
    const entries = parseTokens(content?.toString('utf8') ?? '', tokensFile, tokens, certificates);
    table.replace([...tokens, ...entries]);
    return entries;
  };
  const files = new WatchedFiles({
    paths: [tokensFile],
    intervalMs: tls.reload,
    onChange: ([content]) => {
      try {
        log('info', `security.tokensFile: read again, ${take(content).length} tokens`);
      } catch (error) {
        log('error', `security.tokensFile: the tokens read before stay in use: ${oneLine(error)}`);
      }
    },
    onUnreadable: (error) => log('error', `security.tokensFile: ${error.message}; the tokens read before stay in use`),
  });
  try {
    take((await files.start())[0]);
    return files;
  } catch (error) {
    files.stop();
    throw new StartError(`security.tokensFile: ${oneLine(error)}`, { cause: error });
  }
}

function oneLine(error: unknown): string {
  return (error as Error).message.split(/\s*\n\s*/).join('; ');
}
