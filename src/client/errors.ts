import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { ErrorCode } from './error-codes.js';
import { headwaterCode, isServiceError, retryPushbackMs } from './grpc-errors.js';

/** The name of a gRPC status: `UNAVAILABLE`, `INVALID_ARGUMENT`, ... */
export type StatusName = keyof typeof status;

/** What a call of the client fails with, unless its own signal ended it. */
export class HeadwaterError extends Error {
  override readonly name = 'HeadwaterError';

  constructor(
    /** gRPC status. */
    readonly status: StatusName,
    /** Headwater's own code; undefined when the error is not the server's: nobody listens, TLS fails, the time is up. Newer servers may know more codes. */
    readonly code: ErrorCode | (string & {}) | undefined,
    message: string,
    options: ErrorOptions & {
      /** Milliseconds after which the server asked to be tried again. */
      readonly retryDelayMs?: number | undefined;
    } = {},
  ) {
    super(message, options);
    this.retryDelayMs = options.retryDelayMs;
  }

  readonly retryDelayMs: number | undefined;
}

/** An error of grpc-js as a HeadwaterError; anything else as it is. */
export function asHeadwaterError(error: unknown): unknown {
  if (!isServiceError(error)) return error;
  const name = (status[error.code] ?? 'UNKNOWN') as StatusName;
  return new HeadwaterError(name, headwaterCode(error), error.details, {
    cause: error,
    retryDelayMs: retryPushbackMs(error),
  });
}

/** What a request that a stream answered with an error failed with, as a unary call would have. */
export function refusal(code: number, details: string, headwater: string, retryDelayMs: number): ServiceError {
  const metadata = new Metadata();
  if (headwater !== '') metadata.set('headwater-error', headwater);
  if (retryDelayMs > 0) metadata.set('grpc-retry-pushback-ms', String(retryDelayMs));
  return Object.assign(new Error(details), { code, details, metadata });
}
