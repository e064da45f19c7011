import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Coordinates } from '../../../../../src/learner/learners/recursive/coordinates.js';
import { blobs } from '../../../../contract/learner/blobs.js';

const dimensions = 24;

function embeddings(count: number): Float32Array[] {
  const data = blobs(dimensions, 5, 3);
  return Array.from({ length: count }, (_, i) => {
    const embedding = data.embedding(i % 5);
    embedding[4] = 7; // dead
    return embedding;
  });
}

function variances(coordinates: Coordinates, rows: readonly Float32Array[]): number[] {
  const out = new Float64Array(dimensions);
  const sums = new Float64Array(dimensions);
  for (const row of rows) {
    coordinates.apply(row, out);
    for (let d = 0; d < dimensions; d++) sums[d]! += out[d]! ** 2 / rows.length;
  }
  return [...sums];
}

test('the variance is one on average, alike for large and small dimensions, and none for dead ones', () => {
  const rows = embeddings(64);
  const each = variances(Coordinates.of(rows, dimensions), rows);
  assert.ok(Math.abs(each.reduce((a, b) => a + b) / dimensions - 1) < 1e-9);
  assert.equal(each[4], 0);
  // The floor leaves dimensions of the size 1 beside those of 121 next to nothing.
  assert.ok(each.every((variance) => variance < 2));
});

test('outliers among the first embeddings do not decide the scale, wherever they stand', () => {
  const rows = embeddings(64);
  for (const place of [0, 1, 30, 63]) {
    for (const size of [1e30, 1e3]) {
      const disturbed = rows.with(
        place,
        rows[place]!.map((value) => value * size),
      );
      const each = variances(Coordinates.of(disturbed, dimensions), rows);
      const mean = each.reduce((a, b) => a + b) / dimensions;
      assert.ok(mean > 0.5 && mean < 2, `at ${place}, ${size} times as large: ${mean}`);
    }
  }
});

test('what is learned is bounded by what is typical, which follows the stream', () => {
  const rows = embeddings(64);
  const coordinates = Coordinates.of(rows, dimensions);
  const out = new Float64Array(dimensions);
  const lengthOf = (size: number) => {
    const row = rows[5]!.map((value) => value * size);
    coordinates.applyBounded(row, out);
    return Math.hypot(...out);
  };
  assert.ok(lengthOf(1) < 2 * Math.sqrt(dimensions));
  assert.ok(Math.abs(lengthOf(1e30) / (4 * Math.sqrt(dimensions)) - 1) < 0.3);
  for (let i = 0; i < 500; i++) lengthOf(1e3);
  const common = lengthOf(1e3);
  coordinates.apply(
    rows[5]!.map((value) => value * 1e3),
    out,
  );
  assert.ok(Math.abs(common / Math.hypot(...out) - 1) < 1e-9, 'no outlier any more');
});

test('equal embeddings have no scale yet', () => {
  const rows = Array.from({ length: 9 }, () => new Float32Array(dimensions).fill(3));
  assert.ok(Coordinates.of(rows, dimensions).scale.every((scale) => scale === 0));
  assert.ok(Coordinates.of(embeddings(2), dimensions).scale.some((scale) => scale > 0));
});
