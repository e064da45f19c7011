// Encoded images, through the whole decoder: limits, processes, libvips.
import sharp from 'sharp';
import { createDecoder } from '../../src/server/images/decode.js';
import { mutateBytes } from '../mutate/bytes.js';
import type { FuzzTarget } from '../target.js';

const CROP = { size: 16, resize: 18 };
const LIMITS = { maxBytes: 1 << 20, maxPixels: 1_000_000, maxSide: 4096, decoders: 2, timeout: 10_000 };

export const images: FuzzTarget = {
  name: 'images',
  concurrency: 4,
  async seeds() {
    // Not noise of libvips: seeds are the same in every run.
    const pixels = Buffer.from(
      Array.from({ length: 40 * 30 * 3 }, (_, index) => (index * index * 7 + index * 31) % 256),
    );
    const photo = () => sharp(pixels, { raw: { width: 40, height: 30, channels: 3 } });
    return Promise.all([
      photo().jpeg().toBuffer(),
      photo().jpeg({ progressive: true, quality: 50 }).toBuffer(),
      photo().jpeg({ chromaSubsampling: '4:4:4' }).withMetadata({ orientation: 6 }).toBuffer(),
      photo().toColourspace('cmyk').jpeg().toBuffer(),
      photo().greyscale().jpeg().toBuffer(),
      photo().png().toBuffer(),
      photo().png({ palette: true, colours: 16 }).toBuffer(),
      photo().png({ progressive: true }).ensureAlpha(0.5).toBuffer(),
      photo().toColourspace('rgb16').png().toBuffer(),
      photo().webp().toBuffer(),
      photo().webp({ lossless: true }).withMetadata({ orientation: 3 }).toBuffer(),
      photo().ensureAlpha(0.5).webp({ alphaQuality: 20 }).toBuffer(),
      photo().png().withIccProfile('p3').toBuffer(),
    ]);
  },
  mutate: (random, seeds) => mutateBytes(random, random.pick(seeds), seeds),
  async open() {
    const deaths: string[] = [];
    const decode = createDecoder(LIMITS, (line) => deaths.push(line));
    return {
      async run(input) {
        const before = deaths.length;
        const [result] = await Promise.allSettled([decode([input], CROP)]);
        // The service goes on, but somebody should look at the image.
        if (deaths.length > before) throw new Error(deaths.at(-1));
        if (result.status === 'rejected') throw result.reason;
        if (result.value.length !== CROP.size * CROP.size * 3) throw new Error(`${result.value.length} bytes`);
      },
      close: () => decode.close(),
    };
  },
};
