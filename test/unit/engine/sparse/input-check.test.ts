import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Images } from '../../../../src/engine/backbone.js';
import { findNotFiniteInput } from '../../../../src/engine/sparse/input-check.js';

const input = (count: number, length: number, change: Record<number, number> = {}): Images => {
  const data = Float32Array.from({ length }, (_, i) => i - 3e38 * (i % 2));
  for (const [at, value] of Object.entries(change)) data[Number(at)] = value;
  return { kind: 'input', count, data };
};
const pixels: Images = { kind: 'pixels', count: 2, data: new Uint8Array(24) };

test('finite values pass, the largest and the smallest too', () => {
  assert.equal(
    findNotFiniteInput([input(1, 12), pixels, input(2, 24, { 3: 3.4e38, 4: -3.4e38, 5: 1e-45 })]),
    undefined,
  );
});

test('NaN and infinity are named by image and position, wherever they stand', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    for (let at = 0; at < 15; at++) {
      const message = findNotFiniteInput([pixels, input(1, 15, { [at]: value })]);
      assert.equal(message, `image 2 of the input holds ${value} at ${at}; send finite values`);
    }
  }
  assert.match(findNotFiniteInput([pixels, input(3, 36, { 30: Number.NaN })]) ?? '', /^image 4 .* at 6;/);
});
