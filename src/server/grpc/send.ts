import type { ServerWritableStream } from '@grpc/grpc-js';

/** Resolves when HTTP/2's flow control has taken the message, or the call is over (grpc-js then never calls back). */
export function send<Message>(
  call: Pick<ServerWritableStream<unknown, Message>, 'write' | 'destroyed'>,
  message: Message,
  over: AbortSignal,
): Promise<void> {
  if (over.aborted || call.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      over.removeEventListener('abort', done);
      resolve();
    };
    over.addEventListener('abort', done, { once: true });
    call.write(message, done);
  });
}
