import type { ServerDuplexStream } from '@grpc/grpc-js';
import { StatusError, toServiceError } from '../errors.js';
import type { CallContext } from '../inference/call-context.js';
import { send } from './send.js';

export interface OrderedStreamOptions<Request, Response> {
  /** Requests in progress at once; the stream is not read on until one of them has been answered and sent. */
  readonly window: number;
  /** Never rejects: a request that fails is answered with its error. */
  readonly answer: (request: Request) => Promise<Response>;
  /** Aborted when the server stops: what was read is answered, then the stream ends with UNAVAILABLE. */
  readonly draining: AbortSignal;
}

/**
 * Answers a stream's requests in the order they came, some of them worked on at once. A client that does not read its
 * answers stops being read itself: each answer is handed to HTTP/2, and its flow control, before the next one.
 */
export function answerInOrder<Request, Response>(
  call: ServerDuplexStream<Request, Response>,
  context: CallContext,
  options: OrderedStreamOptions<Request, Response>,
): void {
  const { window, answer, draining } = options;
  let inProgress = 0;
  let closing = false;
  let tail: Promise<void> = Promise.resolve();

  const finish = (how: () => void) => {
    if (closing) return;
    closing = true;
    draining.removeEventListener('abort', stop);
    void tail.then(() => {
      if (!context.signal.aborted) how();
    });
  };
  const stop = () => {
    call.pause();
    const reason = new StatusError('draining', 'the server is stopping; try another replica');
    finish(() => call.emit('error', toServiceError(reason)));
  };

  call.on('data', (request: Request) => {
    if (closing) return;
    inProgress++;
    if (inProgress >= window) call.pause();
    const answered = answer(request);
    tail = tail.then(async () => {
      await send(call, await answered, context.signal);
      inProgress--;
      if (inProgress < window && !closing) call.resume();
    });
  });
  call.on('end', () => finish(() => call.end()));
  call.on('error', () => finish(() => {}));
  call.on('cancelled', () => finish(() => {}));
  if (draining.aborted) stop();
  else draining.addEventListener('abort', stop, { once: true });
}
