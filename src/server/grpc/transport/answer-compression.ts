// Answers as gzip, which grpc-js can't send by itself.
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { Metadata } from '@grpc/grpc-js';
import type { BaseCall } from './grpc-js.js';

export type Compression = 'auto' | 'none' | 'gzip';

/** Smaller messages are sent as they are: gzip would save less than a packet. */
const MIN_BYTES = 1024;
const PREFIX_BYTES = 5;
const compress = promisify(gzip);

/**
 * Whether a call's answers are compressed: the client must take gzip, and (`auto`) have compressed its request with it.
 * @param headers of the request
 */
export function compressesAnswers(setting: Compression, headers: Readonly<Record<string, unknown>>): boolean {
  if (setting === 'none') return false;
  const accepted = String(headers['grpc-accept-encoding'] ?? '').split(',');
  if (!accepted.some((name) => name.trim() === 'gzip')) return false;
  return setting === 'gzip' || headers['grpc-encoding'] === 'gzip';
}

/**
 * Makes the call send its messages as gzip, compressed off the event loop.
 * @param hold told how many bytes wait for that. @returns what gives them back; undefined: there is no memory, and the call is over
 */
export function compressAnswers(call: BaseCall, hold: (bytes: number) => (() => void) | undefined): void {
  const sendMetadata = call.sendMetadata.bind(call);
  call.sendMetadata = (metadata) => {
    const marked = metadata ?? new Metadata();
    marked.set('grpc-encoding', 'gzip');
    sendMetadata(marked);
  };
  const serialize = call.serializeMessage.bind(call);
  const sendMessage = call.sendMessage.bind(call);
  const sendFramed = (framed: Buffer, callback: () => void) => {
    // The call may be over by now.
    if (call.stream.destroyed || call.stream.writableEnded) return;
    call.serializeMessage = () => framed;
    sendMessage(undefined, callback);
    call.serializeMessage = serialize;
  };
  call.sendMessage = (message, callback) => {
    let framed: Buffer;
    try {
      framed = serialize(message);
    } catch {
      // grpc-js tells the client of what can't be serialized.
      return sendMessage(message, callback);
    }
    if (framed.length < MIN_BYTES) return sendFramed(framed, callback);
    const release = hold(framed.length);
    if (release === undefined) return;
    const send = (smallest: Buffer) => {
      release();
      sendFramed(smallest, callback);
    };
    compress(framed.subarray(PREFIX_BYTES), { level: constants.Z_BEST_SPEED }).then(
      (body) => send(body.length + PREFIX_BYTES < framed.length ? framedAs(body) : framed),
      () => send(framed),
    );
  };
}

function framedAs(compressed: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + compressed.length);
  framed.writeUInt8(1, 0);
  framed.writeUInt32BE(compressed.length, 1);
  compressed.copy(framed, PREFIX_BYTES);
  return framed;
}
