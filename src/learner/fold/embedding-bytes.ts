const littleEndianHost = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** The embedding as little-endian FP32. On little-endian machines this is a view on the same memory, not a copy. */
export function embeddingToBytes(embedding: Float32Array): Uint8Array {
  const bytes = new Uint8Array(embedding.buffer, embedding.byteOffset, embedding.byteLength);
  return littleEndianHost ? bytes : swapFloats(bytes);
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
  const copy = littleEndianHost ? new Uint8Array(bytes) : swapFloats(bytes);
  return new Float32Array(copy.buffer, copy.byteOffset, copy.length / 4);
}

function swapFloats(bytes: Uint8Array): Uint8Array {
  const swapped = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at += 4) {
    for (let i = 0; i < 4; i++) swapped[at + i] = bytes[at + 3 - i]!;
  }
  return swapped;
}
