import {
  type ChannelCredentials,
  type ChannelOptions,
  credentials,
  InterceptingCall,
  type Interceptor,
} from '@grpc/grpc-js';
import { isLoopback } from './loopback.js';

/** What a channel is made with. */
export interface ChannelSecurity {
  readonly credentials: ChannelCredentials;
  readonly interceptors: readonly Interceptor[];
  /** Overrides the name that the certificate is checked for. */
  readonly serverName?: string | undefined;
}

export const PLAIN: ChannelSecurity = { credentials: credentials.createInsecure(), interceptors: [] };

/** PEM texts; with both `certificate` and `key` the client shows a certificate of its own (mTLS). */
export interface TlsOptions {
  /** The authorities to trust instead of the well-known ones. */
  readonly ca?: string | Uint8Array | undefined;
  readonly certificate?: string | Uint8Array | undefined;
  readonly key?: string | Uint8Array | undefined;
  /** The name that the server's certificate has, when it is reached by another (a forwarded port). */
  readonly serverName?: string | undefined;
}

export interface SecurityOptions {
  /** `true`: the well-known authorities. Without it the connection is in plain text. */
  readonly tls?: boolean | TlsOptions | undefined;
  /** Sent as `authorization: Bearer TOKEN`, over TLS or to this machine only. */
  readonly token?: string | undefined;
}

/** @throws TypeError for options that contradict each other, or would send the token in the clear; Error for PEM texts that are none. */
export function channelSecurity(server: string, { tls = false, token }: SecurityOptions): ChannelSecurity {
  if (token !== undefined && tls === false && !isLoopback(hostOf(server))) {
    throw new TypeError(`the token would cross the network to ${server} unencrypted: use tls`);
  }
  const options = typeof tls === 'boolean' ? {} : tls;
  return {
    credentials: tls === false ? credentials.createInsecure() : tlsCredentials(options),
    interceptors: token === undefined ? [] : [withToken(token)],
    serverName: options.serverName,
  };
}

/** `host:port`, with or without the scheme of a resolver (`dns:///`). */
function hostOf(server: string): string {
  return server.replace(/^\w+:\/\/[^/]*\//, '').replace(/:\d+$/, '');
}

function tlsCredentials({ ca, certificate, key }: TlsOptions): ChannelCredentials {
  if ((certificate === undefined) !== (key === undefined)) {
    throw new TypeError('certificate and key belong together: the certificate and its private key');
  }
  return credentials.createSsl(pem(ca), pem(key), pem(certificate));
}

function pem(text: string | Uint8Array | undefined): Buffer | null {
  return text === undefined ? null : Buffer.from(text);
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

const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  // Retries are ours: they know which answers may come twice.
  'grpc.enable_retries': 0,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  'grpc.keepalive_time_ms': 30_000,
  // A channel of its own: nobody else's backoff holds it up.
  'grpc.use_local_subchannel_pool': 1,
};

/** What every channel to a server is opened with. @param overrides of grpc-js's channel options */
export function channelOptions(
  { serverName, interceptors }: ChannelSecurity,
  overrides: ChannelOptions = {},
): ChannelOptions & { interceptors: Interceptor[] } {
  const named = serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName };
  return { ...CHANNEL_OPTIONS, ...named, ...overrides, interceptors: [...interceptors] };
}

/** Spreads calls over all addresses of a name, such as a headless Service's: `dns:///headwater:8001`. */
export const ROUND_ROBIN: ChannelOptions = {
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
};
