// The private parts of grpc-js that the transport needs, and nowhere else: its public interface has no hook before a message is
// whole, none for HTTP/2 settings, and no compression of answers. Checked at start, so that another version says so at once.
import { EventEmitter } from 'node:events';
import type { Http2Server, ServerHttp2Stream, Settings } from 'node:http2';
import type { Metadata, Server, ServerCredentials, StatusObject } from '@grpc/grpc-js';
import { BaseServerInterceptingCall } from '@grpc/grpc-js/build/src/server-interceptors.js';
import { StartError } from '../../start-error.js';

/** A call as grpc-js has it innermost: bound to its HTTP/2 stream, below all interceptors. */
export interface BaseCall {
  readonly stream: ServerHttp2Stream;
  /** Length-prefixed: a flag, four bytes of length, the message. */
  serializeMessage(message: unknown): Buffer;
  /** @param message length-prefixed @param encoding of the message; `identity` when its flag is not set */
  decompressMessage(message: Buffer, encoding: string): Buffer | Promise<Buffer>;
  /** Asks for the next message. */
  startRead(): void;
  sendMetadata(metadata: Metadata): void;
  sendMessage(message: unknown, callback: () => void): void;
  sendStatus(status: Partial<StatusObject>): void;
}

const METHODS = [
  'serializeMessage',
  'decompressMessage',
  'startRead',
  'sendMetadata',
  'sendMessage',
  'sendStatus',
] as const;

/** @throws StartError when the installed grpc-js is not as this file knows it. */
export function checkGrpcJs(): void {
  const missing: string[] = METHODS.filter(
    (name) =>
      typeof (BaseServerInterceptingCall?.prototype as unknown as Record<string, unknown>)?.[name] !== 'function',
  );
  if (missing.length === 0) {
    const stream = Object.assign(new EventEmitter(), { pause: () => {} });
    const call = new (BaseServerInterceptingCall as unknown as new (...args: unknown[]) => BaseCall)(
      ...[stream, {}, null, { path: '' }, {}],
    );
    if ((call.stream as unknown) !== stream || stream.listenerCount('data') !== 1) missing.push('stream');
  }
  if (missing.length > 0) throw changed(`BaseServerInterceptingCall.${missing.join(', ')}`);
}

/** The innermost call: interceptors wrap it in calls that hold the next one. */
export function baseCallOf(call: unknown): BaseCall {
  let at = call as { nextCall?: unknown };
  while (!(at instanceof BaseServerInterceptingCall)) {
    if (typeof at?.nextCall !== 'object' || at.nextCall === null) throw changed('ServerInterceptingCall.nextCall');
    at = at.nextCall as { nextCall?: unknown };
  }
  return at as unknown as BaseCall;
}

/** Sets what HTTP/2 is told of each connection that comes later. */
export function setHttp2Settings(server: Server, settings: Settings): void {
  const { commonServerOptions } = server as unknown as { commonServerOptions?: { settings?: Settings } };
  if (typeof commonServerOptions !== 'object') throw changed('Server.commonServerOptions');
  commonServerOptions.settings = { ...commonServerOptions.settings, ...settings };
}

/** What takes connections that were accepted elsewhere, and the HTTP/2 server that they go through. */
export function connectionInjector(
  server: Server,
  credentials: ServerCredentials,
): { inject: (socket: import('node:net').Socket) => void; http2: Http2Server } {
  const { http2Servers } = server as unknown as { http2Servers?: Map<Http2Server, unknown> };
  const before = http2Servers?.size;
  const injector = server.createConnectionInjector(credentials);
  const http2 = http2Servers === undefined ? undefined : [...http2Servers.keys()].at(-1);
  if (http2 === undefined || http2Servers?.size !== (before ?? 0) + 1) throw changed('Server.http2Servers');
  return { inject: (socket) => injector.injectConnection(socket), http2 };
}

function changed(what: string): StartError {
  return new StartError(
    `@grpc/grpc-js is not as this version of Headwater knows it (${what}): install the version of package-lock.json (npm ci)`,
  );
}
