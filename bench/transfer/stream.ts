import sharp from 'sharp';
import { findPhotos } from '../networks/inputs.js';
import { Random } from '../networks/random.js';

/** Encoded photos in base64, with their labels. */
export interface TransferData {
  readonly files: readonly string[];
  readonly labels: readonly string[];
  /** Of the head: more than the labels may hold, since a step of learning costs the same for each class. */
  readonly classes: readonly string[];
}

const CLASSES = 101;

/** `count` labelled JPEGs: Caltech-101 where ../shared/data is, else generated ones of about the same size. */
export async function transferData(count: number): Promise<TransferData & { readonly source: string }> {
  const photos = await findPhotos(count);
  const source = photos === undefined ? 'generated JPEGs' : 'photos of Caltech-101';
  const files = photos?.files ?? (await generatePhotos(count));
  const classes = photos?.classes ?? Array.from({ length: CLASSES }, (_, index) => `class ${index}`);
  const labels = photos?.labels ?? Array.from({ length: count }, (_, index) => classes[index % CLASSES]!);
  return { source, labels, classes, files: files.map((file) => Buffer.from(file).toString('base64')) };
}

/** 300 x 200, blurred noise, so that they hold some detail but not as much as noise. */
async function generatePhotos(count: number): Promise<Uint8Array[]> {
  const random = new Random(5);
  const [width, height] = [300, 200];
  const photos: Uint8Array[] = [];
  for (let index = 0; index < count; index++) {
    const noise = Uint8Array.from({ length: width * height * 3 }, () => 256 * random.uniform());
    const image = sharp(noise, { raw: { width, height, channels: 3 } })
      .blur(2)
      .jpeg({ quality: 90 });
    photos.push(await image.toBuffer());
  }
  return photos;
}
