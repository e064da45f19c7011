import { type ChannelCredentials, credentials, type Interceptor } from '@grpc/grpc-js';

/** What a channel is made with. */
export interface ChannelSecurity {
  readonly credentials: ChannelCredentials;
  readonly interceptors: readonly Interceptor[];
  /** Overrides the name that the certificate is checked for. */
  readonly serverName?: string | undefined;
}

export const PLAIN: ChannelSecurity = { credentials: credentials.createInsecure(), interceptors: [] };
