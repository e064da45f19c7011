// What requests carry: real photos where they are, else drawn ones; or pixels.
import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import tar from 'tar-stream';
import { packageFolder } from '../models.js';
import { seededRandom } from './seeded-random.js';

const PHOTOS = join(packageFolder(), '../shared/data/caltech101_25.tar');
/** Of an archive only every so many-th is taken, so that they are of many classes and sizes. */
const EVERY = 79;

export interface Photos {
  readonly jpegs: readonly Buffer[];
  readonly source: string;
}

/** Different JPEGs, always the same ones: Caltech-101's where ../shared has them, else drawn. */
export async function loadPhotos(count = 32): Promise<Photos> {
  if (existsSync(PHOTOS)) return { jpegs: await readArchive(PHOTOS, count), source: 'photos of Caltech-101' };
  return { jpegs: await Promise.all(Array.from({ length: count }, (_, index) => drawJpeg(index))), source: 'drawn' };
}

async function readArchive(file: string, count: number): Promise<Buffer[]> {
  const found: Buffer[] = [];
  const extract = createReadStream(file).pipe(tar.extract());
  let index = 0;
  for await (const entry of extract) {
    const wanted = entry.header.type === 'file' && /\.jpe?g$/i.test(entry.header.name) && index++ % EVERY === 0;
    if (!wanted) {
      entry.resume();
      continue;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    found.push(Buffer.concat(chunks));
    if (found.length === count) break;
  }
  return found;
}

/** A photo's size (300 x 200) and about its bytes: smooth, with grain. */
async function drawJpeg(seed: number): Promise<Buffer> {
  const random = seededRandom(seed + 1);
  const [width, height] = [300, 200];
  const pixels = Buffer.alloc(width * height * 3);
  const [red, green, blue] = [random(), random(), random()];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const wave = Math.sin((x * (1 + red)) / 17) * Math.cos((y * (1 + green)) / 23);
      const at = (y * width + x) * 3;
      pixels[at] = 128 + 90 * wave * red + 20 * random();
      pixels[at + 1] = 128 + 90 * wave * green + 20 * random();
      pixels[at + 2] = 128 + 90 * wave * blue + 20 * random();
    }
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer();
}

/** RGB bytes of random values, `count` images of [size, size, 3]. */
export function makePixels(size: number, count: number, seed: number): Buffer {
  const random = seededRandom(seed);
  return Buffer.from(Uint8Array.from({ length: count * size * size * 3 }, () => 256 * random()));
}
