import { type Metadata, type ServiceError, status } from '@grpc/grpc-js';

/** Whether a value is what a call of grpc-js rejects with. */
export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && typeof (error as Partial<ServiceError>).code === 'number' && 'details' in error;
}

/** Nobody listens at the address, or the name is unknown: told apart from a server that says UNAVAILABLE. */
export function isUnreachable(error: unknown): boolean {
  return (
    isServiceError(error) &&
    error.code === status.UNAVAILABLE &&
    /ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|No connection established|Name resolution failed/.test(error.details)
  );
}

/** Whether the same call can succeed later: the server is away, starting, overloaded, or hung. */
export function isTransient(error: unknown): boolean {
  if (!isServiceError(error)) return false;
  switch (error.code) {
    case status.UNAVAILABLE:
    case status.DEADLINE_EXCEEDED:
    // A server that stops cancels the calls that it has. Whoever cancels a call of his own does not ask whether to repeat it.
    case status.CANCELLED:
      return true;
    case status.RESOURCE_EXHAUSTED:
      return !isTooLarge(error);
    case status.INTERNAL:
      // A server that dies in the middle of a call; grpc-js has no better code for it.
      return /RST_STREAM/.test(error.details);
    default:
      return false;
  }
}

function isTooLarge(error: ServiceError): boolean {
  return error.metadata?.get('headwater-error')[0] === 'message_too_large' || /larger than max/i.test(error.details);
}

/** The fault is in this one request (its image): others can go on. */
export function isFaultOfRequest(error: unknown): boolean {
  return isServiceError(error) && (error.code === status.INVALID_ARGUMENT || isMessageTooLarge(error));
}

function isMessageTooLarge(error: ServiceError): boolean {
  return error.code === status.RESOURCE_EXHAUSTED && isTooLarge(error);
}

/** Milliseconds that the server asks to wait (gRFC A6); undefined when it does not say. */
export function retryPushbackMs(error: unknown): number | undefined {
  const metadata: Metadata | undefined = isServiceError(error) ? error.metadata : undefined;
  const text = metadata?.get('grpc-retry-pushback-ms')[0];
  const value = text === undefined ? Number.NaN : Number(text);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** Whether the server asks not to be tried again: a pushback that is no delay (gRFC A6). */
export function forbidsRetry(error: unknown): boolean {
  const given = isServiceError(error) ? error.metadata?.get('grpc-retry-pushback-ms')[0] : undefined;
  return given !== undefined && retryPushbackMs(error) === undefined;
}

/** Headwater's own code of an error: the trailer `headwater-error`. */
export function headwaterCode(error: unknown): string | undefined {
  const code = isServiceError(error) ? error.metadata?.get('headwater-error')[0] : undefined;
  return code === undefined ? undefined : String(code);
}

/** The connection stands, but one side does not trust the other, or does not speak TLS at all. */
export function isUntrusted(error: unknown): boolean {
  return (
    isServiceError(error) &&
    error.code === status.UNAVAILABLE &&
    /certificate|altname|\bSSL|\bTLS|EPROTO|wrong version number|handshake/i.test(error.details)
  );
}

/**
 * Whether a request that may be done twice is worth sending again: as `isTransient`, without what a wait can't change (no trust, no time
 * left) and what the server asks not to be tried again.
 */
export function isWorthRepeating(error: unknown): boolean {
  if (!isTransient(error) || isUntrusted(error) || forbidsRetry(error)) return false;
  return (error as ServiceError).code !== status.DEADLINE_EXCEEDED && headwaterCode(error) !== 'heads_full';
}

/** Refusals that come before anything is done. */
const NOT_DONE: ReadonlySet<string | undefined> = new Set(['starting', 'requests_full', 'memory_full']);

/** Whether a request that must not be done twice was surely not done, and is worth sending again. */
export function wasNotDone(error: unknown): boolean {
  return isWorthRepeating(error) && (isUnreachable(error) || NOT_DONE.has(headwaterCode(error)));
}
