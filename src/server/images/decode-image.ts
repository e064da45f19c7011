// One encoded photo to RGB bytes, with libvips through sharp: what a decoder process runs.
import sharp from 'sharp';

/** Edge lengths in pixels, as in a backbone's image settings. */
export interface CropSettings {
  readonly size: number;
  readonly resize: number;
}

// One thread an image: many images are decoded side by side. No cache: no image comes twice.
sharp.concurrency(1);
sharp.cache(false);

/** Leaves libvips the three loaders that are served. For a process that does nothing else: it holds for all of it. */
export function blockOtherLoaders(): void {
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({
    operation: ['VipsForeignLoadJpegBuffer', 'VipsForeignLoadPngBuffer', 'VipsForeignLoadWebpBuffer'],
  });
}

/**
 * RGB bytes [size, size, 3]. The EXIF rotation is applied, a colour profile (ICC) is not, as in training pipelines; grey, CMYK and
 * 16-bit images become 8-bit RGB; transparency is laid over white; of an animation the first frame counts. The shorter side is resized
 * with a triangle filter (what training pipelines call antialiased bilinear), then the centre is cut out.
 *
 * @throws Error of libvips: see `decodeFailure`
 */
export async function decodeImage(
  image: Uint8Array,
  crop: CropSettings,
  { maxPixels, timeout }: { maxPixels: number; timeout: number },
): Promise<Buffer> {
  const margin = Math.floor((crop.resize - crop.size) / 2);
  const { data, info } = await sharp(image, {
    limitInputPixels: maxPixels,
    failOn: 'error',
    sequentialRead: true,
    ignoreIcc: true,
    pages: 1,
  })
    .timeout({ seconds: Math.max(1, Math.ceil(timeout / 1000)) })
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

/** Why an image was not decoded, as a clause: libvips says why on its last lines. */
export function decodeFailure(error: unknown, maxPixels: number, timeout: number): string {
  const { message } = error as Error;
  if (/exceeds pixel limit/i.test(message)) return `it has more than ${maxPixels} pixels, the limit (images.maxPixels)`;
  if (/^timeout:/.test(message)) return tookTooLong(timeout);
  const lines = message.split('\n').map((line) => line.trim());
  return `it can't be decoded: ${lines.filter((line) => line !== '').at(-1) ?? 'unknown reason'}`;
}

export function tookTooLong(timeout: number): string {
  return `decoding it took longer than ${timeout / 1000} s (images.timeout)`;
}

function repeatChannel(grey: Buffer): Buffer {
  const rgb = Buffer.allocUnsafe(grey.length * 3);
  for (let index = 0; index < grey.length; index++) rgb.fill(grey[index]!, index * 3, index * 3 + 3);
  return rgb;
}
