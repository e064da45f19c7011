import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { chooseTiling, describeTiling, imageMasks, mostColumns, noHalo } from '../../../../src/engine/plan/tiling.js';
import { ROOT } from '../../../support/repository.js';

// [side, grid rows, grid columns, tile rows, tile columns]
const expected: [number, number, number, number, number][] = [
  [224, 4, 4, 56, 56],
  [112, 4, 4, 28, 28],
  [56, 4, 4, 14, 14],
  [48, 4, 4, 12, 12],
  [28, 4, 4, 7, 7],
  [24, 4, 4, 6, 6],
  [14, 8, 2, 2, 7],
  [7, 8, 2, 1, 4],
];

test('images of the usual sizes are cut into few vectors, wide row parts and square tiles', () => {
  for (const [side, gridRows, gridColumns, rows, columns] of expected) {
    const tiling = chooseTiling(side, side);
    assert.deepEqual(tiling, { grid: { rows: gridRows, columns: gridColumns }, rows, columns }, `${side}`);
  }
});

test('parts of a row are as wide as the kernels take them: else the addon would refuse every plan', () => {
  const header = readFileSync(join(ROOT, 'src/native/kernels/units.h'), 'utf8');
  const [, columns] = /constexpr int kMostColumns = (\d+);/.exec(header) ?? [];
  assert.equal(mostColumns, Number(columns));
});

test('every image is covered, by few more vectors than it has pixels for', () => {
  for (let height = 1; height <= 70; height++) {
    for (const width of [1, 2, 5, 13, 33, 64, 113]) {
      const { grid, rows, columns } = chooseTiling(height, width);
      assert.ok(grid.rows * grid.columns <= 16);
      assert.ok(grid.rows * rows >= height && grid.columns * columns >= width, `${height}x${width}`);
      // The first tile lies whole in the image, so that no vector is without a pixel.
      assert.ok(rows <= height && columns <= width);
      assert.ok(rows * columns <= Math.ceil((height * width) / 16) * 2 + 8, `${height}x${width}: ${rows}x${columns}`);
    }
  }
});

test('masks have a bit for each pixel of the image', () => {
  for (const [height, width] of [
    [7, 7],
    [113, 5],
    [1, 1],
    [16, 16],
  ] as const) {
    const masks = imageMasks(chooseTiling(height, width), height, width);
    let bits = 0;
    for (const mask of masks) for (let lane = 0; lane < 16; lane++) bits += (mask >> lane) & 1;
    assert.equal(bits, height * width);
  }
});

test('a tiling reads as people say it', () => {
  const tiling = chooseTiling(56, 56);
  assert.equal(describeTiling(tiling, noHalo), '4x4 tiles of 14x14');
  assert.equal(describeTiling(tiling, { top: 1, left: 1, bottom: 1, right: 1 }), '4x4 tiles of 14x14, halo 1');
  assert.equal(describeTiling(tiling, { top: 1, left: 1, bottom: 0, right: 0 }), '4x4 tiles of 14x14, halo 1/1/0/0');
});
