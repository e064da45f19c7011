// How a client reaches a server: address, TLS, certificate, token. Files are read once, when the client is made.
import { readFile } from 'node:fs/promises';
import { type ChannelSecurity, channelSecurity, isLoopback, ServiceCalls } from '../../client/shared.js';
import { tokenId } from '../security/token.js';
import { Failure, UsageError } from './failure.js';

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
export async function openClient(options: ConnectionOptions): Promise<ServiceCalls> {
  return new ServiceCalls(options.server, await security(options));
}

async function security(options: ConnectionOptions): Promise<ChannelSecurity> {
  const { ca, cert, key, serverName, tokenFile, server } = options;
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError('--cert and --key belong together: the certificate and its private key');
  }
  const tls = options.tls ?? (ca !== undefined || cert !== undefined || serverName !== undefined);
  const token = tokenFile === undefined ? undefined : await readToken(tokenFile);
  if (token !== undefined && !tls && !isLoopback(server.replace(/:\d+$/, ''))) {
    throw new UsageError(`the token would cross the network to ${server} unencrypted; add --tls (and --ca FILE)`);
  }
  const [authorities, certificate, secret] = await Promise.all([
    readOption('--ca', ca),
    readOption('--cert', cert),
    readOption('--key', key),
  ]);
  try {
    return channelSecurity(server, { token, tls: tls && { ca: authorities, certificate, key: secret, serverName } });
  } catch (error) {
    throw new Failure(`--ca, --cert or --key can't be used: ${(error as Error).message}`, { cause: error });
  }
}

async function readOption(option: string, path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
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
