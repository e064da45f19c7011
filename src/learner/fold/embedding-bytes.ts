import { littleEndianHost, swapBytes } from './little-endian.js';

/** The embedding as little-endian FP32. On little-endian machines this is a view on the same memory, not a copy. */
export function embeddingToBytes(embedding: Float32Array): Uint8Array {
  const bytes = new Uint8Array(embedding.buffer, embedding.byteOffset, embedding.byteLength);
  return littleEndianHost ? bytes : swapBytes(bytes, 4);
}

/**
 * Little-endian FP32 as an array: a view on `bytes` where their alignment allows it, so it lives and changes with them.
 * Bytes that are no whole number of floats give an empty array, which no head's dimensions match.
 */
export function embeddingFromBytes(bytes: Uint8Array): Float32Array {
  if (bytes.length === 0 || bytes.length % 4 !== 0) return new Float32Array(0);
  if (littleEndianHost && bytes.byteOffset % 4 === 0) {
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  }
  // A typed array's constructor copies, whatever the source's alignment; Buffer.slice would not.
  const copy = littleEndianHost ? new Uint8Array(bytes) : swapBytes(bytes, 4);
  return new Float32Array(copy.buffer, copy.byteOffset, copy.length / 4);
}
