// Width and height from an image's first bytes, without decoding: what is too large is refused before it costs anything.
import type { ImageFormat } from './format.js';

export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** In pixels, as the header says, before any rotation; undefined when the header is cut off or no such header. */
export function imageSize(bytes: Uint8Array, format: ImageFormat): ImageSize | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (format) {
    case 'JPEG':
      return jpegSize(view);
    case 'PNG':
      return pngSize(view);
    case 'WebP':
      return webpSize(view);
  }
}

/** The frame header (SOF) of ITU-T T.81, B.2.2; the segments before it are skipped by their lengths. */
function jpegSize(bytes: Buffer): ImageSize | undefined {
  let at = 2;
  for (;;) {
    at = bytes.indexOf(0xff, at);
    // 0xff may be repeated in front of a marker.
    while (at >= 0 && bytes[at + 1] === 0xff) at++;
    if (at < 0 || at + 4 > bytes.length) return undefined;
    const marker = bytes[at + 1]!;
    at += 2;
    if (marker === 0 || marker === 1 || (marker >= 0xd0 && marker <= 0xd8)) continue;
    const scanOrEnd = marker === 0xda || marker === 0xd9;
    if (scanOrEnd) return undefined;
    const tables = marker === 0xc4 || marker === 0xc8 || marker === 0xcc;
    if (marker >= 0xc0 && marker <= 0xcf && !tables) {
      return at + 7 > bytes.length ? undefined : size(bytes.readUInt16BE(at + 5), bytes.readUInt16BE(at + 3));
    }
    at += bytes.readUInt16BE(at);
  }
}

function pngSize(bytes: Buffer): ImageSize | undefined {
  if (bytes.length < 24 || bytes.toString('latin1', 12, 16) !== 'IHDR') return undefined;
  return size(bytes.readUInt32BE(16), bytes.readUInt32BE(20));
}

/** RFC 9649 (WebP) and RFC 6386, 9.1 (VP8). */
function webpSize(bytes: Buffer): ImageSize | undefined {
  if (bytes.length < 30) return undefined;
  switch (bytes.toString('latin1', 12, 16)) {
    case 'VP8 ':
      return size(bytes.readUInt16LE(26) & 0x3fff, bytes.readUInt16LE(28) & 0x3fff);
    case 'VP8L': {
      const bits = bytes.readUInt32LE(21);
      return size(1 + (bits & 0x3fff), 1 + ((bits >>> 14) & 0x3fff));
    }
    case 'VP8X':
      return size(1 + bytes.readUIntLE(24, 3), 1 + bytes.readUIntLE(27, 3));
    default:
      return undefined;
  }
}

function size(width: number, height: number): ImageSize | undefined {
  return width > 0 && height > 0 ? { width, height } : undefined;
}
