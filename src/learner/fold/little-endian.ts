/** Everything that Headwater stores is little-endian; on big-endian machines bytes are swapped on the way in and out. */
export const littleEndianHost = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** A copy with the bytes of each `width` bytes long number reversed. */
export function swapBytes(bytes: Uint8Array, width: number): Uint8Array<ArrayBuffer> {
  const swapped = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at += width) {
    for (let i = 0; i < width; i++) swapped[at + i] = bytes[at + width - 1 - i]!;
  }
  return swapped;
}
