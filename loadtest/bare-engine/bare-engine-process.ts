// A process of its own, the yardstick: the engine in a loop with nothing around it; for JPEGs, decoding and the engine.
// The only file of the load test that may import the engine (scripts/checks/import-rules.mjs): the server is never asked from here.
import sharp from 'sharp';
import { type Backbone, type Images, loadBackbone } from '../../src/engine/index.js';
import type { BareCount, BareMessage, BareSetting } from '../bare-engine-messages.js';

let setting: BareSetting;
let backbone: Backbone;
let pixels: Uint8Array<ArrayBuffer>;

async function open(opened: BareSetting): Promise<{ engine: string }> {
  setting = opened;
  const { model, engine, threads, image, batch } = opened;
  backbone = await loadBackbone({ name: 'bare', model, engine, threads, image, isa: 'auto' }, () => {});
  pixels = Uint8Array.from({ length: batch * image.size * image.size * 3 }, (_, index) => Math.imul(index, 7919) >>> 5);
  // As the server does: one thread an image, no cache.
  sharp.concurrency(1);
  sharp.cache(false);
  for (let warm = 0; warm < 3; warm++) await backbone.embed(batchOf(pixels));
  return { engine: backbone.info.engine };
}

/** A copy that is given away, as the engine's contract has it. */
function batchOf(data: Uint8Array<ArrayBuffer>): Images[] {
  return [{ kind: 'pixels', count: setting.batch, data: data.slice() }];
}

async function run(milliseconds: number, input: 'pixels' | 'image'): Promise<BareCount> {
  const start = performance.now();
  let images = 0;
  while (performance.now() - start < milliseconds) {
    if (input === 'image')
      await backbone.embed([{ kind: 'pixels', count: setting.batch, data: await decodeBatch(images) }]);
    else await backbone.embed(batchOf(pixels));
    images += setting.batch;
  }
  return { images, milliseconds: performance.now() - start };
}

async function decodeBatch(first: number): Promise<Uint8Array<ArrayBuffer>> {
  const { batch, image, jpegs } = setting;
  const bytes = image.size * image.size * 3;
  const all = new Uint8Array(batch * bytes);
  const decodeOne = async (_: unknown, index: number) => {
    all.set(await decode(jpegs[(first + index) % jpegs.length]!), index * bytes);
  };
  await Promise.all(Array.from({ length: batch }, decodeOne));
  return all;
}

/** The steps of src/server/images/decode.ts. */
async function decode(jpeg: Uint8Array): Promise<Uint8Array> {
  const { size, resize } = setting.image;
  const margin = Math.floor((resize - size) / 2);
  const { data, info } = await sharp(jpeg, { failOn: 'error', sequentialRead: true })
    .autoOrient()
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .resize(resize, resize, { fit: 'cover', position: 'centre', kernel: 'linear' })
    .extract({ left: margin, top: margin, width: size, height: size })
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  if (info.channels === 3) return data;
  const rgb = new Uint8Array(data.length * 3);
  data.forEach((value, index) => {
    rgb.fill(value, 3 * index, 3 * index + 3);
  });
  return rgb;
}

process.on('message', (message: BareMessage) => {
  const done: Promise<object> = 'open' in message ? open(message.open) : run(message.run, message.input);
  done.then(
    (answer) => process.send?.(answer),
    (error: Error) => process.send?.({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit(0));
