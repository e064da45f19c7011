import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageSettings } from '../../src/engine/index.js';
import { createNormaliser } from '../../src/engine/preprocess.js';
import { openLabelledImages } from '../../src/server/data/open.js';
import { createDecoder } from '../../src/server/images/decode.js';
import { sharedFolder } from '../shared-folder.js';
import { Random } from './random.js';

/** JPEGs with the names of their classes. */
export interface Photos {
  readonly labels: readonly string[];
  readonly files: readonly Uint8Array[];
  /** All classes that there are, whether or not among `labels`. */
  readonly classes: readonly string[];
}

/** `count` photos of Caltech-101, their classes mixed; undefined where ../shared/data is not. */
export async function findPhotos(count: number): Promise<Photos | undefined> {
  const archive = join(sharedFolder(), 'data', 'caltech101_25.tar');
  if (!existsSync(archive)) return undefined;
  const { images } = await openLabelledImages(archive);
  // Photos are in the order of their classes, 25 of each: a stride of 25 classes and a photo visits all of both.
  const chosen = Array.from({ length: count }, (_, index) => images[(index * 626) % images.length]!);
  return {
    labels: chosen.map(({ label }) => label),
    classes: [...new Set(images.map(({ label }) => label))].sort(),
    files: await Promise.all(chosen.map((image) => image.read())),
  };
}

/** Decodes as the service does. @returns RGB bytes [files, size, size, 3] */
export function createPhotoDecoder(): (
  files: readonly Uint8Array[],
  image: Pick<ImageSettings, 'size' | 'resize'>,
) => Promise<Uint8Array<ArrayBuffer>> {
  return createDecoder({ maxBytes: 1 << 24, maxPixels: 1 << 26, decoders: 0 });
}

/**
 * [count, 3, size, size]: photos where the network was trained on photos and some are there, else of the standard normal distribution.
 */
export async function networkInputs(
  count: number,
  size: number,
  image: ImageSettings | undefined,
): Promise<Float32Array> {
  const inputs = new Float32Array(count * 3 * size * size);
  const photos = image === undefined ? undefined : await findPhotos(count);
  if (image !== undefined && photos !== undefined) {
    createNormaliser(image).normalise(await createPhotoDecoder()(photos.files, image), inputs, count);
    return inputs;
  }
  const random = new Random(7);
  // Real weights without real photos: about as large as normalised photos are.
  const deviation = image === undefined ? 1 : (0.25 * (255 / image.scale)) / image.std[0];
  return inputs.map(() => deviation * random.normal());
}
