import protobuf from 'protobufjs';
import { BoundedReader } from './bounded-reader.js';

// Protobuf messages as lists of fields: what works on bytes, so that fields unknown to schema.ts survive.

export interface Field {
  readonly number: number;
  /** Tag and content. */
  readonly whole: Uint8Array;
  /** Of a length-delimited field: what is inside. */
  readonly content: Uint8Array;
}

/** As `eachField`, all at once. */
export function splitFields(bytes: Uint8Array): Field[] {
  return [...eachField(bytes)];
}

/** Views on `bytes`, in order. @throws Error when lengths contradict each other, or there are too many for that many bytes. */
export function* eachField(bytes: Uint8Array): Generator<Field> {
  const reader = new BoundedReader(bytes);
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const tag = reader.uint32();
    const content = reader.pos;
    const wireType = tag & 7;
    let inside = bytes.subarray(content, content);
    if (wireType === 2) inside = reader.bytes();
    else reader.skipType(wireType);
    yield { number: tag >>> 3, whole: bytes.subarray(start, reader.pos), content: inside };
  }
}

/** A length-delimited field whose content is given in pieces. */
export function delimited(number: number, content: readonly Uint8Array[]): Uint8Array[] {
  const head = new protobuf.Writer()
    .uint32((number << 3) | 2)
    .uint32(totalLength(content))
    .finish();
  return [head, ...content];
}

export function concatenate(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  // Not Buffer.concat: small Buffers share one pool, which can't be transferred to a worker.
  const whole = new Uint8Array(totalLength(pieces));
  let position = 0;
  for (const piece of pieces) {
    whole.set(piece, position);
    position += piece.length;
  }
  return whole;
}

function totalLength(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}
