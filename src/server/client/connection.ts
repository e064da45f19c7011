// How a client reaches a server: address, TLS, certificate, token. Files are read once, when the client is made.
import { readFile } from 'node:fs/promises';
import { type ChannelCredentials, credentials, InterceptingCall, type Interceptor } from '@grpc/grpc-js';
import { isLoopback } from '../security/exposure.js';
import { tokenId } from '../security/token.js';
import type { ChannelSecurity } from './channel-security.js';
import { Failure, UsageError } from './failure.js';
import { HeadwaterClient } from './headwater-client.js';

/** Options of every command that talks to a server, as commander reads them. */
export interface ConnectionOptions {
  /** `host:port` */
  readonly server: string;
  readonly tls?: true;
  /** PEM file of the authorities to trust instead of the well-known ones. */
  readonly ca?: string;
  /** PEM files of the client's own certificate. */
  readonly cert?: string;
  readonly key?: string;
  /** The name that the server's certificate has, when it is reached by another (a forwarded port). */
  readonly serverName?: string;
  readonly tokenFile?: string;
}

/** A client; nothing is connected yet. @throws Failure when a file can't be used, UsageError for options that contradict. */
export async function openClient(options: ConnectionOptions): Promise<HeadwaterClient> {
  return new HeadwaterClient(options.server, await channelSecurity(options));
}

async function channelSecurity(options: ConnectionOptions): Promise<ChannelSecurity> {
  const { ca, cert, key, serverName, tokenFile } = options;
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError('--cert and --key belong together: the certificate and its private key');
  }
  const tls = options.tls ?? (ca !== undefined || cert !== undefined || serverName !== undefined);
  const token = tokenFile === undefined ? undefined : await readToken(tokenFile);
  if (token !== undefined && !tls && !isLoopback(options.server.replace(/:\d+$/, ''))) {
    throw new UsageError(
      `the token would cross the network to ${options.server} unencrypted; add --tls (and --ca FILE)`,
    );
  }
  return {
    credentials: tls ? await tlsCredentials(ca, cert, key) : credentials.createInsecure(),
    interceptors: token === undefined ? [] : [withToken(token)],
    serverName,
  };
}

async function tlsCredentials(
  ca: string | undefined,
  cert: string | undefined,
  key: string | undefined,
): Promise<ChannelCredentials> {
  const [roots, chain, secret] = await Promise.all([
    readOption('--ca', ca),
    readOption('--cert', cert),
    readOption('--key', key),
  ]);
  try {
    return credentials.createSsl(roots, secret, chain);
  } catch (error) {
    throw new Failure(`--ca, --cert or --key can't be used: ${(error as Error).message}`, { cause: error });
  }
}

async function readOption(option: string, path: string | undefined): Promise<Buffer | null> {
  if (path === undefined) return null;
  try {
    return await readFile(path);
  } catch (error) {
    throw new Failure(`${option} ${path}: can't be read: ${(error as NodeJS.ErrnoException).code}`, { cause: error });
  }
}

/** A token is never an option or a variable by itself: other users can list a process's arguments. */
async function readToken(path: string): Promise<string> {
  const token = (await readOption('--token-file', path))?.toString('utf8').trim() ?? '';
  if (tokenId(token) === undefined) {
    throw new Failure(`--token-file ${path}: expected one token (hw_...), as \`headwater token create\` prints it`);
  }
  return token;
}

/** grpc-js has credentials for calls, but takes them with TLS only; on loopback there may be none. */
function withToken(token: string): Interceptor {
  const authorization = `Bearer ${token}`;
  return (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start: (metadata, listener, next) => {
        metadata.set('authorization', authorization);
        next(metadata, listener);
      },
    });
}
