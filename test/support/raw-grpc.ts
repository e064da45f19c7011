// gRPC as a client that keeps no rule would speak it: HTTP/2 by hand.
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';
import { inference, type ModelInferRequest } from '../../protos/index.js';

export const INFER = '/inference.GRPCInferenceService/ModelInfer';
export const STREAM_INFER = '/inference.GRPCInferenceService/ModelStreamInfer';

/** How a call ended: a gRPC status, or HTTP/2's code of a reset. */
export interface Ended {
  readonly status: number | undefined;
  readonly message: string;
  readonly reset: number;
  readonly headers: IncomingHttpHeaders;
}

export interface RawCall {
  readonly stream: ClientHttp2Stream;
  readonly ended: Promise<Ended>;
}

/** A connection whose end, however it comes, is no error of the test. */
export function rawConnection(address: string, options: Parameters<typeof connect>[1] = {}): ClientHttp2Session {
  // Megabytes. Node's own clients end streams when they have more to send.
  const session = connect(`http://${address}`, { maxSessionMemory: 1000, ...options });
  session.on('error', () => {});
  return session;
}

/** Opens a call; nothing is sent but its headers, nothing read but its end. */
export function rawCall(
  session: ClientHttp2Session,
  path: string,
  headers: Record<string, string> = {},
  read = true,
): RawCall {
  const stream = session.request({
    ...{ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' },
    ...headers,
  });
  let answered: IncomingHttpHeaders = {};
  stream.on('response', (got) => {
    answered = { ...answered, ...got };
  });
  stream.on('trailers', (got) => {
    answered = { ...answered, ...got };
  });
  stream.on('error', () => {});
  if (read) stream.resume();
  const ended = new Promise<Ended>((resolve) => {
    stream.on('close', () => {
      const status = answered['grpc-status'];
      resolve({
        status: status === undefined ? undefined : Number(status),
        message: decodeURI(String(answered['grpc-message'] ?? '')),
        reset: stream.rstCode ?? 0,
        headers: answered,
      });
    });
  });
  return { stream, ended };
}

/** A message as it stands in a stream. */
export function framed(message: Uint8Array, compressed = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(compressed ? 1 : 0, 0);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Only the beginning of a message: it claims to have `length` bytes. */
export function began(length: number, body = Buffer.alloc(0)): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, body]);
}

export function inferMessage(request: ModelInferRequest): Buffer {
  return inference.GRPCInferenceService.service.ModelInfer.requestSerialize(request);
}
