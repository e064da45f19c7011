// What grpc-js refuses by itself, in words that name the limit and the key to change.
import { type ServerInterceptor, status as Status } from '@grpc/grpc-js';
import { type ErrorCode, StatusError, toServiceError } from '../errors.js';

/**
 * Rewords the statuses that grpc-js sends before any handler runs: it sends them from the innermost call, past the
 * responders of interceptors, so that call's own `sendStatus` is wrapped.
 * @param onRefused told of each, since no handler will count them.
 */
export function explainRefusals(
  maxMessageBytes: number,
  onRefused: (path: string, error: StatusError) => void,
): ServerInterceptor {
  return (method, call) => {
    const sendStatus = call.sendStatus.bind(call);
    call.sendStatus = (status) => {
      const error = refusal(status, maxMessageBytes);
      if (error === undefined) return sendStatus(status);
      onRefused(method.path, error);
      return sendStatus(toServiceError(error));
    };
    return call as ReturnType<ServerInterceptor>;
  };
}

function refusal(
  status: { readonly code?: Status | undefined; readonly details?: string | undefined },
  maxMessageBytes: number,
): StatusError | undefined {
  const details = status.details ?? '';
  const refuse = (code: ErrorCode, message: string) => new StatusError(code, message);
  if (status.code === Status.RESOURCE_EXHAUSTED && /larger than/.test(details) && /^Received message/.test(details)) {
    const size = /\((\d+) vs/.exec(details)?.[1];
    const got = size === undefined ? 'this one is larger once decompressed' : `this one has ${size} bytes`;
    return refuse(
      'message_too_large',
      `a message may have ${maxMessageBytes} bytes (server.maxMessageBytes), ${got}; send fewer images a request`,
    );
  }
  if (status.code === Status.INTERNAL && /^(Error deserializing request|Failed to decompress)/.test(details)) {
    return refuse('message_malformed', 'the bytes received are not the message that this call takes');
  }
  return undefined;
}
