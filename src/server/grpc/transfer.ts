// Heads as files: out in chunks, in from chunks. A file can be hundreds of megabytes, so both are streams with a limit.
import type { ServerReadableStream, ServerWritableStream } from '@grpc/grpc-js';
import type {
  CreateHeadRequest__Output,
  ExportHeadResponse,
  ImportHeadRequest__Output,
} from '../../../protos/index.js';
import type { ExportedHead } from '../../learner/index.js';
import { StatusError } from '../errors.js';
import type { CallContext } from '../inference/call-context.js';
import { send } from './send.js';

/** Small enough for any client's limit (grpc's default is 4 MB), large enough to cost little. */
const CHUNK_BYTES = 256 * 1024;
/** A client that neither reads nor writes for so long holds the file in our memory for nothing. */
export const STALL_MS = 60_000;

/** Sends a file, as fast as its client reads. @throws StatusError deadline_exceeded when it stops reading. */
export async function sendFile(
  call: ServerWritableStream<unknown, ExportHeadResponse>,
  { version, bytes }: ExportedHead,
  { signal }: CallContext,
): Promise<void> {
  for (let offset = 0; offset === 0 || offset < bytes.length; offset += CHUNK_BYTES) {
    if (signal.aborted) return;
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset + offset, Math.min(CHUNK_BYTES, bytes.length - offset));
    const first = offset === 0 ? { version, totalBytes: bytes.length } : {};
    await withinStall(send(call, { ...first, chunk }, signal), 'the client stopped reading the file');
  }
}

export interface ReceivedHead {
  readonly head: CreateHeadRequest__Output;
  readonly bytes: Uint8Array;
}

/**
 * Receives a head to create and the file that it begins with.
 *
 * @param limit bytes that the file may have
 * @param check told of the head before the file is read, so that what can't be created is refused at once
 * @throws StatusError request_invalid, deadline_exceeded when the client stops sending, cancelled; whatever `check` throws
 */
export async function receiveFile(
  call: ServerReadableStream<ImportHeadRequest__Output, unknown>,
  { signal }: CallContext,
  limit: number,
  check: (head: CreateHeadRequest__Output) => void,
): Promise<ReceivedHead> {
  // Not `for await`: leaving that destroys the call before its error is sent.
  const messages = call[Symbol.asyncIterator]() as AsyncIterator<ImportHeadRequest__Output>;
  const next = () =>
    withinStall(messages.next(), 'the client stopped sending the file').catch((error) => {
      throw signal.aborted ? gaveUp(error) : error;
    });
  const first = await next();
  const head = first.done ? null : first.value.head;
  if (head === null) throw new StatusError('request_invalid', 'head: expected the head to create in the first message');
  const { totalBytes } = first.value;
  if (totalBytes > limit) {
    const message = `total_bytes: the file has ${totalBytes} bytes, limits.headBytes is ${limit}`;
    throw new StatusError('request_invalid', message);
  }
  check(head);
  // Shared, so that the thread that reads it needs no copy.
  const bytes = new Uint8Array(new SharedArrayBuffer(totalBytes));
  let received = 0;
  for (let message = first; !message.done && received <= totalBytes; message = await next()) {
    if (message !== first && message.value.head !== null) {
      throw new StatusError('request_invalid', 'head: expected in the first message only');
    }
    const { chunk } = message.value;
    if (received + chunk.length <= totalBytes) bytes.set(chunk, received);
    received += chunk.length;
  }
  // A stream that was cut off can look like one that ended, even before the call is known to be over.
  if (signal.aborted) throw gaveUp();
  if (received !== totalBytes) {
    throw new StatusError('request_invalid', `chunk: ${received} bytes came, total_bytes is ${totalBytes}`);
  }
  return { head, bytes };
}

function gaveUp(cause?: unknown): StatusError {
  return new StatusError('cancelled', 'the caller gave up', { cause });
}

async function withinStall<T>(step: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const stalled = new Promise<never>((_, reject) => {
    const error = new StatusError('deadline_exceeded', `${what} for ${STALL_MS / 1000} s; begin again`);
    timer = setTimeout(() => reject(error), STALL_MS);
  });
  try {
    return await Promise.race([step, stalled]);
  } finally {
    clearTimeout(timer);
  }
}
