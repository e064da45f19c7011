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

/** Segments before the frame header, at most: 20 MiB of the longest ones are 320. */
const MOST_SEGMENTS = 1000;
/** Bytes between segments, at most in all: there are none in a good file. */
const MOST_STRAY_BYTES = 2 ** 16;

/**
 * The frame header (SOF) of ITU-T T.81, B.2.2; the segments before it are skipped by their lengths. It is looked for on the event
 * loop: a file that is made to take long has none.
 */
function jpegSize(bytes: Buffer): ImageSize | undefined {
  let at = 2;
  let stray = 0;
  for (let segments = 0; segments < MOST_SEGMENTS; ) {
    const from = at;
    while (at < bytes.length && at - from + stray <= MOST_STRAY_BYTES && !isMarker(bytes, at)) at++;
    stray += at - from;
    if (stray > MOST_STRAY_BYTES || at + 4 > bytes.length) return undefined;
    const marker = bytes[at + 1]!;
    at += 2;
    if (marker === 1 || (marker >= 0xd0 && marker <= 0xd8)) {
      stray += 2;
      continue;
    }
    const scanOrEnd = marker === 0xda || marker === 0xd9;
    if (scanOrEnd) return undefined;
    const tables = marker === 0xc4 || marker === 0xc8 || marker === 0xcc;
    if (marker >= 0xc0 && marker <= 0xcf && !tables) {
      return at + 7 > bytes.length ? undefined : size(bytes.readUInt16BE(at + 5), bytes.readUInt16BE(at + 3));
    }
    at += bytes.readUInt16BE(at);
    segments++;
  }
  return undefined;
}

/** 0xff and what is neither a filled-up byte (0) nor another 0xff, which may be repeated in front of a marker. */
function isMarker(bytes: Buffer, at: number): boolean {
  return bytes[at] === 0xff && bytes[at + 1] !== 0 && bytes[at + 1] !== 0xff;
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
