import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { StatusError } from '../../../../src/server/errors.js';
import { createDecoder } from '../../../../src/server/images/decode.js';
import { imageFormat } from '../../../../src/server/images/format.js';
import { imageSize } from '../../../../src/server/images/header.js';
import { crc32 } from '../../../support/crc32.js';

// Images made to hurt: each is refused or decoded in bounded time, and the decoder goes on.

const CROP = { size: 8, resize: 8 };
const log: string[] = [];
const limits = { maxBytes: 2_000_000, maxPixels: 4_000_000, maxSide: 4096, decoders: 1 };
const decode = createDecoder(limits, (line) => log.push(line));
after(() => decode.close());

const noise = (width: number, height: number) =>
  sharp({
    create: { width, height, channels: 3, background: '#000', noise: { type: 'gaussian', mean: 128, sigma: 40 } },
  });

async function refusal(image: Uint8Array): Promise<string> {
  const error = await decode([image], CROP).then(
    () => assert.fail('accepted'),
    (thrown) => thrown,
  );
  assert.ok(error instanceof StatusError, String(error));
  assert.equal(error.code, 'undecodable_image');
  return error.message;
}

function pngChunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}

/** A grey PNG whose header says width x height and whose rows are `rows` of zeros. */
function zeroPng(width: number, height: number, rows = height): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8);
  const data = deflateSync(Buffer.alloc((width + 1) * rows), { level: 9 });
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([
    signature,
    pngChunk('IHDR', header),
    pngChunk('IDAT', data),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Chunks of a RIFF file, as an animated WebP has them. */
function riff(...chunks: [string, Uint8Array][]): Buffer {
  const parts = chunks.map(([name, data]) => {
    const head = Buffer.alloc(8);
    head.write(name, 'latin1');
    head.writeUInt32LE(data.length, 4);
    return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
  });
  const body = Buffer.concat([Buffer.from('WEBP'), ...parts]);
  const head = Buffer.alloc(8);
  head.write('RIFF');
  head.writeUInt32LE(body.length, 4);
  return Buffer.concat([head, body]);
}

test('compressed zeros: by the pixels of the header, before anything is unpacked', async () => {
  const bomb = zeroPng(20_000, 20_000, 2000);
  assert.ok(bomb.length < 100_000);
  assert.match(await refusal(bomb), /20000 x 20000 pixels, more than 4000000 pixels, the limit \(images\.maxPixels\)/);
  assert.match(await refusal(zeroPng(4097, 1)), /4097 x 1 pixels; the limit of each side is 4096 \(images\.maxSide\)/);
  assert.equal((await decode([zeroPng(2000, 2000)], CROP))[0], 0);
});

test('an image as long and thin as the limit allows is decoded', async () => {
  const line = await noise(4096, 1).png().toBuffer();
  assert.equal((await decode([line], CROP)).length, 192);
  const upright = await noise(1, 4096).png().toBuffer();
  assert.equal((await decode([upright], { size: 224, resize: 256 })).length, 224 * 224 * 3);
});

test('a progressive JPEG of thousands of scans is refused', async () => {
  const jpeg = await noise(256, 256).jpeg({ progressive: true }).toBuffer();
  const scan = jpeg.lastIndexOf(Buffer.from([0xff, 0xda]));
  const last = jpeg.subarray(scan, jpeg.length - 2);
  const head = jpeg.subarray(0, scan);
  const bomb = Buffer.concat([
    head,
    ...Array.from({ length: Math.min(5000, Math.floor(1_500_000 / last.length)) }, () => last),
    jpeg.subarray(-2),
  ]);
  assert.equal((await decode([jpeg], CROP)).length, 192);
  // Thousands of empty scans: a scan header, and nothing behind it.
  const empty = Buffer.from([0xff, 0xda, 0, 8, 1, 1, 0, 1, 63, 0]);
  const empties = Buffer.concat([head, ...Array.from({ length: 20_000 }, () => empty), jpeg.subarray(-2)]);
  for (const image of [bomb, empties]) assert.match(await refusal(image), /can't be decoded/);
});

test('of an animation the first frame is taken, however many follow', async () => {
  const frame = await sharp({ create: { width: 16, height: 16, channels: 3, background: '#ff0000' } })
    .webp({ lossless: true })
    .toBuffer();
  const info = Buffer.alloc(10);
  info[0] = 2; // animated
  info.writeUIntLE(15, 4, 3);
  info.writeUIntLE(15, 7, 3);
  const place = Buffer.alloc(16);
  place.writeUIntLE(15, 6, 3);
  place.writeUIntLE(15, 9, 3);
  const frames = Array.from({ length: 10_000 }, (): [string, Buffer] => [
    'ANMF',
    Buffer.concat([place, frame.subarray(12)]),
  ]);
  const animated = riff(['VP8X', info], ['ANIM', Buffer.alloc(6)], ...frames);
  assert.equal((await sharp(animated, { pages: -1 }).metadata()).pages, 10_000);
  const rgb = await decode([animated], CROP);
  assert.deepEqual([...rgb.subarray(0, 3)], [255, 0, 0]);
});

test('other formats are refused, whatever they are called or lead to', async () => {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="http://127.0.0.1:9/secret" width="9" height="9"/><image href="file:///etc/passwd" width="9" height="9"/></svg>`;
  assert.match(await refusal(Buffer.from(svg)), /expected a JPEG, PNG or WebP/);
  for (const format of ['gif', 'tiff', 'avif'] as const) {
    assert.match(await refusal(await noise(16, 16).toFormat(format).toBuffer()), /expected a JPEG, PNG or WebP/);
  }
  assert.match(await refusal(Buffer.from('%PDF-1.7\n')), /expected a JPEG/);
});

test('polyglots: the first bytes of one format and the rest of another', async () => {
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
  const tiff = await noise(16, 16).tiff().toBuffer();
  const signatures = [
    Buffer.from([0xff, 0xd8, 0xff, 0xe0]),
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    Buffer.from('RIFF\0\0\0\0WEBP', 'latin1'),
  ];
  for (const signature of signatures) {
    for (const rest of [svg, tiff]) assert.match(await refusal(Buffer.concat([signature, rest])), /can't be decoded/);
  }
  // What hangs behind a whole image is not looked at.
  const jpeg = await noise(16, 16).jpeg().toBuffer();
  assert.equal((await decode([Buffer.concat([jpeg, svg])], CROP)).length, 192);
});

test('a colour profile changes nothing, a damaged one neither', async () => {
  const plain = await sharp({ create: { width: 16, height: 16, channels: 3, background: '#40a0ff' } })
    .png()
    .toBuffer();
  const profiled = await sharp(plain).withIccProfile('p3').png().toBuffer();
  const damaged = Buffer.concat([
    plain.subarray(0, 33),
    pngChunk('iCCP', Buffer.concat([Buffer.from('x\0\0'), deflateSync(Buffer.alloc(5000, 0xff))])),
    plain.subarray(33),
  ]);
  const [red, green, blue] = await sharp(profiled, { ignoreIcc: true }).raw().toBuffer();
  assert.deepEqual([...(await decode([profiled], CROP)).subarray(0, 3)], [red, green, blue]);
  assert.deepEqual([...(await decode([damaged], CROP)).subarray(0, 3)], [0x40, 0xa0, 0xff]);
});

test('the size is read from every kind of header, at every length', async () => {
  const images = await Promise.all([
    noise(37, 21).jpeg().toBuffer(),
    noise(37, 21).jpeg({ progressive: true }).withMetadata({ orientation: 6 }).toBuffer(),
    noise(37, 21).png().toBuffer(),
    noise(37, 21).webp().toBuffer(),
    noise(37, 21).webp({ lossless: true }).toBuffer(),
    noise(37, 21).webp().withMetadata({ orientation: 6 }).toBuffer(),
  ]);
  for (const image of images) {
    const format = imageFormat(image)!;
    assert.deepEqual(imageSize(image, format), { width: 37, height: 21 });
    for (let length = 0; length < Math.min(600, image.length); length++) {
      const size = imageSize(image.subarray(0, length), format);
      if (size !== undefined) assert.deepEqual(size, { width: 37, height: 21 });
    }
  }
});

test('the header of a JPEG is not looked for without end', async () => {
  const jpeg = await noise(37, 21).jpeg().toBuffer();
  const sized = (between: Buffer) =>
    imageSize(Buffer.concat([jpeg.subarray(0, 2), between, jpeg.subarray(2)]), 'JPEG') !== undefined;
  const repeated = (count: number, ...bytes: number[]) => Buffer.concat(Array<Buffer>(count).fill(Buffer.from(bytes)));
  assert.ok(sized(repeated(300, 0xff, 0xe0, 0, 4, 1, 2)), 'segments');
  assert.ok(sized(repeated(100, 0xff)), 'repeated bytes before a marker');
  assert.ok(!sized(repeated(1100, 0xff, 0xe0, 0, 2)), 'more segments than any good file has');
  for (const stray of [[0xff, 0xd0], [0xff, 0x00], [0xff], [0x00]]) {
    assert.ok(!sized(repeated(70_000, ...stray)), `stray bytes ${stray}`);
  }
});

test('none of these ended a decoder', () => {
  assert.deepEqual(log, []);
});
