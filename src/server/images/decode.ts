// Encoded photos to RGB bytes of the size that a backbone takes. sharp works on libuv's threads, off the event loop.
import { availableParallelism } from 'node:os';
import sharp from 'sharp';
import { StatusError } from '../errors.js';
import { imageFormat } from './format.js';
import { Semaphore } from './semaphore.js';

export interface DecodeLimits {
  /** Largest encoded image. */
  readonly maxBytes: number;
  /** Largest width x height; checked in the header, before anything is decoded. */
  readonly maxPixels: number;
  /** Images decoded at once; 0: one a core. */
  readonly decoders: number;
}

/** Edge lengths in pixels, as in a backbone's image settings. */
export interface CropSettings {
  readonly size: number;
  readonly resize: number;
}

/** Resolves with RGB bytes [count, size, size, 3] that own their memory. @throws StatusError undecodable_image, cancelled. */
export type DecodeImages = (
  images: readonly Uint8Array[],
  crop: CropSettings,
  signal?: AbortSignal,
) => Promise<Uint8Array<ArrayBuffer>>;

// One thread an image: many images are decoded side by side. No cache: no image comes twice.
sharp.concurrency(1);
sharp.cache(false);

/** A decoder whose limits hold over all requests together. */
export function createDecoder(limits: DecodeLimits): DecodeImages {
  const semaphore = new Semaphore(limits.decoders === 0 ? availableParallelism() : limits.decoders);

  return async (images, crop, signal) => {
    // All are looked at first: what can be refused without decoding is refused at once.
    images.forEach((image, index) => {
      checkHeader(image, index, images.length, limits);
    });
    const bytesPerImage = crop.size * crop.size * 3;
    const all = new Uint8Array(images.length * bytesPerImage);
    let failed = false;
    const decodeOne = (image: Uint8Array, index: number) =>
      semaphore.run(async () => {
        if (signal?.aborted) throw new StatusError('cancelled', 'cancelled while images were decoded');
        if (failed) return;
        try {
          all.set(await decodeImage(image, crop, limits.maxPixels), index * bytesPerImage);
        } catch (error) {
          failed = true;
          throw undecodable(index, images.length, reason(error as Error, limits.maxPixels), error);
        }
      });
    await Promise.all(images.map(decodeOne));
    return all;
  };
}

function checkHeader(image: Uint8Array, index: number, count: number, limits: DecodeLimits): void {
  if (image.length > limits.maxBytes) {
    throw undecodable(index, count, `it has ${image.length} bytes, the limit is ${limits.maxBytes} (images.maxBytes)`);
  }
  if (imageFormat(image) === undefined) {
    const what = image.length === 0 ? 'it is empty' : `its first bytes (of ${image.length}) are of another format`;
    throw undecodable(index, count, `expected a JPEG, PNG or WebP; ${what}`);
  }
}

/**
 * The EXIF rotation is applied; grey, CMYK and 16-bit images become 8-bit RGB; transparency is laid over white. The
 * shorter side is resized with a triangle filter (what training pipelines call antialiased bilinear), then the centre is
 * cut out.
 */
async function decodeImage(image: Uint8Array, crop: CropSettings, maxPixels: number): Promise<Buffer> {
  const margin = Math.floor((crop.resize - crop.size) / 2);
  const { data, info } = await sharp(image, { limitInputPixels: maxPixels, failOn: 'error', sequentialRead: true })
    .autoOrient()
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .resize(crop.resize, crop.resize, { fit: 'cover', position: 'centre', kernel: 'linear' })
    .extract({ left: margin, top: margin, width: crop.size, height: crop.size })
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  if (info.channels === 3) return data;
  if (info.channels === 1) return repeatChannel(data);
  throw new Error(`it has ${info.channels} channels after conversion to RGB`);
}

function repeatChannel(grey: Buffer): Buffer {
  const rgb = Buffer.allocUnsafe(grey.length * 3);
  for (let index = 0; index < grey.length; index++) rgb.fill(grey[index]!, index * 3, index * 3 + 3);
  return rgb;
}

function undecodable(index: number, count: number, why: string, cause?: unknown): StatusError {
  const which = count === 1 ? '' : `, image ${index} of ${count} (from 0)`;
  return new StatusError('undecodable_image', `tensor "image"${which}: ${why}`, { cause });
}

/** libvips says why on its last lines. */
function reason(error: Error, maxPixels: number): string {
  if (/exceeds pixel limit/i.test(error.message)) {
    return `it has more than ${maxPixels} pixels, the limit (images.maxPixels)`;
  }
  const lines = error.message.split('\n').map((line) => line.trim());
  return `it can't be decoded: ${lines.filter((line) => line !== '').at(-1) ?? 'unknown reason'}`;
}
