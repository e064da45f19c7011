// Calls of the services that do not come by gRPC: the same scopes, gates, errors and metrics hold, because it is the same code.
import { type handleUnaryCall, Metadata, type ServerUnaryCall, type ServiceError } from '@grpc/grpc-js';
import { type ErrorCode, StatusError } from '../errors.js';
import type { Caller } from '../security/caller.js';
import { checkNeed, letIn } from '../security/interceptor.js';
import { METHODS } from '../security/methods.js';

export interface InProcessContext {
  readonly caller: Caller;
  /** Unix time in milliseconds. */
  readonly deadlineMs: number;
  /** Aborted when whoever asked is gone. */
  readonly signal: AbortSignal;
}

/**
 * Calls a unary method as gRPC would.
 * @param path of the method, such as `/headwater.v1.LearningService/GetHead`: what it needs stands in METHODS
 * @throws StatusError what a gRPC client would be told
 */
export function callInProcess<Request, Response>(
  path: string,
  handler: handleUnaryCall<Request, Response>,
  request: Request,
  { caller, deadlineMs, signal }: InProcessContext,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const need = METHODS.get(path);
    if (need === undefined) throw new StatusError('permission_denied', `nobody may call ${path}`);
    checkNeed(caller, need);
    const metadata = new Metadata();
    letIn(metadata, caller);
    const call = {
      request,
      metadata,
      cancelled: signal.aborted,
      getDeadline: () => deadlineMs,
      getPeer: () => caller.client,
      on: (event: string, listener: () => void) => {
        if (event === 'cancelled') signal.addEventListener('abort', listener, { once: true });
        return call;
      },
    };
    handler(call as unknown as ServerUnaryCall<Request, Response>, (error, response) => {
      if (error) reject(asStatusError(error as ServiceError));
      else resolve(response as Response);
    });
  });
}

/** As toServiceError wrote it. */
function asStatusError({ details, metadata }: ServiceError): StatusError {
  const code = String(metadata.get('headwater-error')[0] ?? 'internal') as ErrorCode;
  const delay = metadata.get('grpc-retry-pushback-ms')[0];
  return new StatusError(code, details, delay === undefined ? {} : { retryDelayMs: Number(delay) });
}
