import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ImageSettings } from '../../../src/engine/backbone.js';
import { createNormaliser } from '../../../src/engine/preprocess.js';
import { somePixels } from './fixtures.js';

const settings: ImageSettings = {
  size: 17,
  resize: 20,
  channels: 'rgb',
  scale: 255,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/** The formula of interface.md, value by value, rounded once to float32. */
function naive(pixels: Uint8Array, count: number, image: ImageSettings): Float32Array {
  const { size } = image;
  const out = new Float32Array(pixels.length);
  for (let n = 0; n < count; n++) {
    for (let c = 0; c < 3; c++) {
      const source = image.channels === 'rgb' ? c : 2 - c;
      for (let y = 0; y < size; y++) {
        for (let x = 0; x < size; x++) {
          const value = pixels[((n * size + y) * size + x) * 3 + source]!;
          out[((n * 3 + c) * size + y) * size + x] = Math.fround(
            (value / image.scale - image.mean[c]!) / image.std[c]!,
          );
        }
      }
    }
  }
  return out;
}

const cases: [string, ImageSettings][] = [
  ['rgb, ImageNet', settings],
  ['bgr, Caffe', { ...settings, channels: 'bgr', scale: 1, mean: [104, 117, 123], std: [1, 1, 1] }],
  ['bgr, three stds', { ...settings, channels: 'bgr', scale: 127.5, mean: [1, 0.9, 0.8], std: [0.3, 0.2, 0.1] }],
];
for (const [name, image] of cases) {
  test(`normalised pixels equal the naive formula bit for bit: ${name}`, () => {
    const pixels = somePixels(3, image.size, 7);
    const out = new Float32Array(pixels.length);
    createNormaliser(image).normalise(pixels, out, 3);
    assert.deepEqual(new Uint32Array(out.buffer), new Uint32Array(naive(pixels, 3, image).buffer));
  });
}

test('every byte value goes through the table', () => {
  const image = { ...settings, size: 16 };
  const pixels = Uint8Array.from({ length: 3 * 256 }, (_, i) => Math.floor(i / 3));
  const out = new Float32Array(pixels.length);
  createNormaliser(image).normalise(pixels, out, 1);
  assert.deepEqual(out, naive(pixels, 1, image));
});
