import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { StatusError } from '../../../src/server/errors.js';
import { createDecoder } from '../../../src/server/images/decode.js';
import { imageFormat } from '../../../src/server/images/format.js';
import { pngHeader } from '../../support/png.js';

const decode = createDecoder({ maxBytes: 1_000_000, maxPixels: 50_000_000, decoders: 2 });
const CROP = { size: 8, resize: 8 };

/** One colour, w x h. */
const plain = (colour: string, width = 16, height = 16) =>
  sharp({ create: { width, height, channels: 3, background: colour } });

async function refusal(images: Uint8Array[], crop = CROP): Promise<string> {
  try {
    await decode(images, crop);
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    assert.equal(error.code, 'undecodable_image');
    return error.message;
  }
  return assert.fail('accepted');
}

function near(actual: ArrayLike<number>, expected: readonly number[], tolerance: number): void {
  expected.forEach((value, index) => {
    assert.ok(Math.abs(actual[index]! - value) <= tolerance, `channel ${index}: ${actual[index]}, expected ${value}`);
  });
}

test('JPEG, PNG and WebP become RGB bytes', async () => {
  const colour = '#c86432';
  const images = await Promise.all([
    plain(colour).jpeg({ quality: 95 }).toBuffer(),
    plain(colour).png().toBuffer(),
    plain(colour).webp({ quality: 95 }).toBuffer(),
  ]);
  const rgb = await decode(images, CROP);
  assert.equal(rgb.length, 3 * 8 * 8 * 3);
  for (let index = 0; index < 3; index++) near(rgb.subarray(index * 192), [200, 100, 50], 6);
});

test('grey, 16-bit, CMYK and palette images become RGB', async () => {
  const images = await Promise.all([
    plain('#808080').greyscale().png().toBuffer(),
    plain('#808080').greyscale().jpeg().toBuffer(),
    plain('#808080').toColourspace('rgb16').png().toBuffer(),
    plain('#808080').png({ palette: true }).toBuffer(),
  ]);
  const rgb = await decode(images, CROP);
  for (let index = 0; index < images.length; index++) near(rgb.subarray(index * 192), [128, 128, 128], 6);
  const cmyk = await plain('#c83232').toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer();
  const [red, green, blue] = await decode([cmyk], CROP);
  assert.ok(red! > 150 && green! < 110 && blue! < 110, `${red} ${green} ${blue}`);
});

test('transparency is laid over white', async () => {
  const clear = await sharp({
    create: { width: 16, height: 16, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
  })
    .png()
    .toBuffer();
  near(await decode([clear], CROP), [255, 255, 255], 0);
});

test('the shorter side is resized and the centre cut out', async () => {
  // Three vertical bands of a 48 x 16 photo: only the middle one is left.
  const bands = await Promise.all(['#ff0000', '#00ff00', '#0000ff'].map((colour) => plain(colour).png().toBuffer()));
  const photo = await plain('#000000', 48, 16)
    .composite(bands.map((input, index) => ({ input, left: index * 16, top: 0 })))
    .png()
    .toBuffer();
  const rgb = await decode([photo], CROP);
  for (let pixel = 1; pixel < 7; pixel++) near(rgb.subarray(pixel * 3), [0, 255, 0], 40);
  const cropped = await decode([photo], { size: 4, resize: 8 });
  assert.equal(cropped.length, 48);
  for (let pixel = 0; pixel < 16; pixel++) near(cropped.subarray(pixel * 3), [0, 255, 0], 10);
});

test('the EXIF rotation is applied', async () => {
  // Left half red; stored turned by 90 degrees, so shown with red on top.
  const red = await plain('#ff0000', 16, 32).png().toBuffer();
  const photo = await plain('#0000ff', 32, 32)
    .composite([{ input: red, left: 0, top: 0 }])
    .withMetadata({ orientation: 6 })
    .jpeg({ quality: 95, chromaSubsampling: '4:4:4' })
    .toBuffer();
  const rgb = await decode([photo], CROP);
  near(rgb.subarray(0), [255, 0, 0], 30);
  near(rgb.subarray(7 * 3), [255, 0, 0], 30);
  near(rgb.subarray(7 * 8 * 3), [0, 0, 255], 30);
});

test('what is not a whole JPEG, PNG or WebP is refused with index and reason', async () => {
  const jpeg = await sharp({
    create: {
      width: 64,
      height: 64,
      channels: 3,
      background: '#123456',
      noise: { type: 'gaussian', mean: 128, sigma: 40 },
    },
  })
    .jpeg()
    .toBuffer();
  const png = await sharp(jpeg).png().toBuffer();
  const webp = await sharp(jpeg).webp().toBuffer();
  assert.match(
    await refusal([Buffer.from([0xff])]),
    /tensor "image": expected a JPEG, PNG or WebP; its first bytes \(of 1\)/,
  );
  assert.match(await refusal([Buffer.alloc(0)]), /it is empty/);
  assert.match(
    await refusal([jpeg, jpeg.subarray(0, jpeg.length / 2)]),
    /image 1 of 2 \(from 0\): it can't be decoded/,
  );
  assert.match(await refusal([png.subarray(0, png.length / 2)]), /can't be decoded/);
  assert.match(await refusal([webp.subarray(0, webp.length / 2)]), /can't be decoded/);
  assert.match(await refusal([jpeg.subarray(0, 4)]), /can't be decoded/);
  assert.match(
    await refusal([Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')]),
    /expected a JPEG/,
  );
  assert.match(await refusal([await sharp(jpeg).gif().toBuffer()]), /expected a JPEG/);
  assert.match(
    await refusal([Buffer.concat([jpeg, Buffer.alloc(1_000_000)])]),
    /the limit is 1000000 \(images\.maxBytes\)/,
  );
});

test('a 20,000 x 20,000 PNG is refused from its header', async () => {
  const bomb = Buffer.concat([pngHeader(20_000, 20_000), Buffer.alloc(64)]);
  assert.match(await refusal([bomb]), /more than 50000000 pixels, the limit \(images\.maxPixels\)/);
});

test('a cancelled request decodes no more', async () => {
  const image = await plain('#000000').png().toBuffer();
  await assert.rejects(decode([image], CROP, { signal: AbortSignal.abort() }), { code: 'cancelled' });
});

test('formats go by their first bytes', () => {
  assert.equal(imageFormat(Buffer.from('RIFF0000WEBP')), 'WebP');
  assert.equal(imageFormat(Buffer.from('RIFF0000WAVE')), undefined);
  assert.equal(imageFormat(Buffer.from('GIF89a')), undefined);
});
