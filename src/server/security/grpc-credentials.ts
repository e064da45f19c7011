import type { SecureServerOptions } from 'node:http2';
import type { SecureContextOptions } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';

/** A handshake that takes longer holds a connection for nothing. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * TLS of a grpc-js server whose certificate can change while it listens: new connections get the new one, those that are
 * open go on. (`createSsl` can neither change nor ask for certificates without requiring them.)
 */
export class ReloadableCredentials extends ServerCredentials {
  constructor(context: SecureContextOptions, clientAuth: 'none' | 'request' | 'require') {
    const options: SecureServerOptions = {
      requestCert: clientAuth !== 'none',
      rejectUnauthorized: clientAuth === 'require',
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    };
    super(options, context);
  }

  /** @param context one that `createSecureContext` takes: grpc-js drops all connections after one that it does not. */
  replace(context: SecureContextOptions): void {
    this.updateSecureContextOptions(context);
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}
