// The service's one error table, as HTTP tells it.
import { status as Status } from '@grpc/grpc-js';
import { printable, type StatusError } from '../../errors.js';
import { type Answer, json } from '../answer.js';

/** As google.rpc.Code maps them, but for what a client should tell apart. */
const HTTP_STATUS: Readonly<Partial<Record<Status, number>>> = {
  [Status.INVALID_ARGUMENT]: 400,
  [Status.FAILED_PRECONDITION]: 409,
  [Status.UNAUTHENTICATED]: 401,
  [Status.PERMISSION_DENIED]: 403,
  [Status.NOT_FOUND]: 404,
  [Status.ALREADY_EXISTS]: 409,
  [Status.RESOURCE_EXHAUSTED]: 429,
  [Status.CANCELLED]: 499,
  [Status.UNIMPLEMENTED]: 501,
  [Status.UNAVAILABLE]: 503,
  [Status.DEADLINE_EXCEEDED]: 504,
};

export function errorAnswer(error: StatusError): Answer {
  const { code, status, retryDelayMs } = error;
  const told = { code, status: Status[status], message: printable(error.message), retryDelayMs };
  const headers: Record<string, string> = {};
  if (status === Status.UNAUTHENTICATED) headers['www-authenticate'] = 'Bearer';
  if (retryDelayMs !== undefined) headers['retry-after'] = String(Math.ceil(retryDelayMs / 1000));
  const httpStatus = code === 'message_too_large' ? 413 : (HTTP_STATUS[status] ?? 500);
  return { ...json({ error: told }, httpStatus), headers };
}
