// What an image may cost, and the checks that need no decoding.
import { countThreads } from '../../engine/index.js';
import { imageFormat } from './format.js';
import { imageSize } from './header.js';

export interface DecodeLimits {
  /** Largest encoded image. */
  readonly maxBytes: number;
  /** Largest width x height. */
  readonly maxPixels: number;
  /** Largest width and height. */
  readonly maxSide?: number;
  /** Images decoded at once; 0: one a core, or what a container's quota is worth of them. */
  readonly decoders: number;
  /** Milliseconds that one image may take. */
  readonly timeout?: number;
  /** Bytes that a decoder process may take. */
  readonly maxMemory?: number;
  /** Part of the decoders that learning is sure of while inference waits, 0 to 1. Default: 0. */
  readonly learningShare?: number;
  /** Where images are decoded: in processes of their own, or in this one, which an image could end then. */
  readonly isolation?: 'process' | 'none';
}

/** @param count what `decoders: 0` is here: as the engine's `threads: 0` */
export function withDefaults(limits: DecodeLimits, count = countThreads): Required<DecodeLimits> {
  const defaults = {
    maxSide: 16_384,
    timeout: 10_000,
    maxMemory: 2 ** 31,
    isolation: 'process',
    learningShare: 0,
  } as const;
  return { ...defaults, ...limits, decoders: count(limits.decoders) };
}

/** Why an image is refused by its length and header; undefined: it may be decoded. */
export function refusedByHeader(image: Uint8Array, limits: Required<DecodeLimits>): string | undefined {
  const { maxBytes, maxPixels, maxSide } = limits;
  if (image.length > maxBytes) return `it has ${image.length} bytes, the limit is ${maxBytes} (images.maxBytes)`;
  const format = imageFormat(image);
  if (format === undefined) {
    const what = image.length === 0 ? 'it is empty' : `its first bytes (of ${image.length}) are of another format`;
    return `expected a JPEG, PNG or WebP; ${what}`;
  }
  const size = imageSize(image, format);
  if (size === undefined) return `it can't be decoded: its header (${format}) is cut off or says no width and height`;
  const { width, height } = size;
  if (width * height > maxPixels) {
    return `it has ${width} x ${height} pixels, more than ${maxPixels} pixels, the limit (images.maxPixels)`;
  }
  if (Math.max(width, height) > maxSide) {
    return `it has ${width} x ${height} pixels; the limit of each side is ${maxSide} (images.maxSide)`;
  }
  return undefined;
}
