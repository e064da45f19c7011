// What all calls share: deadlines and cancellation as the interior knows them, errors as gRPC knows them.
import type { Deadline, handleUnaryCall, Metadata } from '@grpc/grpc-js';
import { StatusError, toServiceError, toStatusError } from '../errors.js';
import type { CallContext } from '../inference/call-context.js';
import { callerOfCall } from '../security/interceptor.js';
import { withoutList } from '../text/without-list.js';

/** What unary calls and streams have in common. */
interface AnyCall {
  readonly cancelled: boolean;
  readonly metadata: Metadata;
  getDeadline(): Deadline;
  getPeer(): string;
  on(event: 'cancelled', listener: () => void): unknown;
}

/** Told of errors that are the server's own fault. */
export type LogError = (message: string, error: unknown) => void;

/** Why signals are aborted. One for all: each call ends with it, even one that was answered, and a new error collects a stack. */
const OVER = new Error('the call is over');

/** The deadline of a call, and a signal that is aborted when its client gives up or the deadline passes. */
export function contextOf(call: AnyCall): CallContext {
  const deadline = call.getDeadline();
  const controller = new AbortController();
  if (call.cancelled) controller.abort(OVER);
  call.on('cancelled', () => controller.abort(OVER));
  return {
    deadlineMs: typeof deadline === 'number' ? deadline : deadline.getTime(),
    signal: controller.signal,
    caller: callerOfCall(call),
    metadata: call.metadata,
  };
}

/** Who called, by W3C trace context; undefined when the call does not say. */
export function traceparentOf({ metadata }: CallContext): string | undefined {
  return metadata?.get('traceparent')[0]?.toString();
}

/** A thrown value as the caller is told it: what a passed deadline cancelled was a passed deadline. */
export function explain(error: unknown, context: CallContext, logError: LogError): StatusError {
  const known = toStatusError(error);
  if (known.code === 'internal' || known.code === 'run_failed') logError(known.message, known.cause ?? known);
  if (known.code === 'cancelled' && Date.now() >= context.deadlineMs) {
    return new StatusError('deadline_exceeded', 'the deadline passed before the answer was there', { cause: known });
  }
  if (LISTING.has(known.code) && !context.caller.seesAll) {
    return new StatusError(known.code, withoutList(known.message), { cause: known });
  }
  return known;
}

/** Errors that say what there is, when something else was asked for. */
const LISTING: ReadonlySet<string> = new Set([
  'model_unknown',
  'head_unknown',
  'backbone_unknown',
  'backbone_mismatch',
]);

/** A unary call from an async function. */
export function unary<Request, Response>(
  answer: (request: Request, context: CallContext) => Promise<Response>,
  logError: LogError,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const context = contextOf(call);
    answer(call.request, context).then(
      (response) => callback(null, response),
      (error) => callback(toServiceError(explain(error, context, logError))),
    );
  };
}
