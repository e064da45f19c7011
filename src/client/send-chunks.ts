import { once } from 'node:events';
import type { ClientWritableStream, ServiceError } from '@grpc/grpc-js';
import type { CreateHeadRequest, Head__Output, ImportHeadRequest } from '../../protos/index.js';

type Answered = (error: ServiceError | null, head?: Head__Output) => void;

/**
 * Sends a head to create, then its file, no faster than the server takes it.
 *
 * @param start opens the call and is told of its answer
 * @returns the head that was created; rejects with grpc-js's ServiceError, or with what reading the file failed with
 */
export async function sendChunks(
  start: (done: Answered) => ClientWritableStream<ImportHeadRequest>,
  head: CreateHeadRequest,
  totalBytes: number,
  file: AsyncIterable<Uint8Array>,
): Promise<Head__Output> {
  let isAnswered = false;
  const { promise, resolve, reject } = withResolvers<Head__Output>();
  const call = start((error, created) => {
    isAnswered = true;
    if (error) reject(error);
    else resolve(created as Head__Output);
  });
  // A server that refuses answers before the file has been read: there is nothing to wait for any more.
  const answered = promise.then(
    () => {},
    () => {},
  );
  const write = async (message: ImportHeadRequest) => {
    if (!call.write(message)) await Promise.race([once(call, 'drain'), answered]);
  };
  call.on('error', () => {});
  try {
    await write({ head, totalBytes });
    for await (const chunk of file) {
      if (isAnswered) break;
      await write({ chunk });
    }
  } catch (error) {
    call.cancel();
    await answered;
    throw error;
  }
  call.end();
  return promise;
}

function withResolvers<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
