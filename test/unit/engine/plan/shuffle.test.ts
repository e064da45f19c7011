import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LaidOut, ShuffleTable } from '../../../../src/engine/plan/shuffle.js';
import { haloTable, shuffleTable, within } from '../../../../src/engine/plan/shuffle.js';
import type { Halo, Tiling } from '../../../../src/engine/plan/tiling.js';
import { chooseTiling, noHalo } from '../../../../src/engine/plan/tiling.js';
import { lanes } from '../../../../src/native/index.js';

/** One channel of tiles in memory: NaN where nothing was written. */
interface Memory {
  readonly tiles: LaidOut;
  readonly halo: Halo;
  readonly vectors: Float32Array;
}

function allocate(tiling: Tiling, halo: Halo): Memory {
  const rowPitch = halo.left + tiling.columns + halo.right + 2;
  const vectors = new Float32Array((halo.top + tiling.rows + halo.bottom) * rowPitch * lanes).fill(Number.NaN);
  return { tiles: { ...tiling, rowPitch }, halo, vectors };
}

function position({ tiles, halo }: Memory, row: number, column: number): number {
  return ((row + halo.top) * tiles.rowPitch + column + halo.left) * lanes;
}

/** Pixels are numbered from 1; lanes outside of the image stay NaN. */
function layOut(memory: Memory, height: number, width: number): void {
  forLanes(memory.tiles, noHalo, (row, column, lane, y, x) => {
    if (y < height && x < width) memory.vectors[position(memory, row, column) + lane] = y * width + x + 1;
  });
}

function forLanes(
  { grid, rows, columns }: Tiling,
  halo: Halo,
  visit: (row: number, column: number, lane: number, y: number, x: number) => void,
): void {
  for (let row = -halo.top; row < rows + halo.bottom; row++) {
    for (let column = -halo.left; column < columns + halo.right; column++) {
      for (let lane = 0; lane < grid.rows * grid.columns; lane++) {
        visit(
          row,
          column,
          lane,
          Math.floor(lane / grid.columns) * rows + row,
          (lane % grid.columns) * columns + column,
        );
      }
    }
  }
}

function apply(table: ShuffleTable, source: Memory, target: Memory, fill: number): void {
  const { entries, terms, permutations } = table;
  for (let entry = 0; entry < entries.length; entry += 3) {
    const vector = new Float32Array(lanes).fill(fill);
    for (let term = entries[entry + 1]!, end = term + entries[entry + 2]!; term < end; term++) {
      const from = position(source, 0, 0) + terms[2 * term]! * lanes;
      for (let lane = 0; lane < lanes; lane++) {
        const origin = permutations[terms[2 * term + 1]! * lanes + lane]!;
        if (origin >= 0) vector[lane] = source.vectors[from + origin]!;
      }
    }
    target.vectors.set(vector, position(target, 0, 0) + entries[entry]! * lanes);
  }
}

const sizes: [height: number, width: number][] = [
  [56, 56],
  [14, 14],
  [7, 7],
  [33, 5],
  [113, 20],
  [1, 9],
  [3, 3],
];
const halos: Halo[] = [
  { top: 1, left: 1, bottom: 1, right: 1 },
  { top: 0, left: 2, bottom: 3, right: 0 },
  // Further than the next tile.
  { top: 6, left: 6, bottom: 6, right: 6 },
];

test('a halo in place holds the pixels of the image padded with fill, and nothing else changes', () => {
  for (const [height, width] of sizes) {
    for (const halo of halos) {
      const memory = allocate(chooseTiling(height, width), halo);
      layOut(memory, height, width);
      const { tiles } = memory;
      const reach = [height - 1 + halo.bottom, width - 1 + halo.right] as const;
      apply(haloTable({ tiles, height, width, halo, reach })!, memory, memory, -7);
      forLanes(tiles, halo, (row, column, lane, y, x) => {
        const inside = y >= 0 && x >= 0 && y < height && x < width;
        const beyond = y > reach[0] || x > reach[1];
        const actual = memory.vectors[position(memory, row, column) + lane]!;
        const what = `${height}x${width}, pixel ${y}, ${x}`;
        // No result depends on what lies beyond the padding.
        if (!beyond) assert.equal(actual, inside ? y * width + x + 1 : -7, what);
      });
    }
  }
});

test('only the border is written when the image fills its tiles', () => {
  const tiles = { ...chooseTiling(56, 56), rowPitch: 16 };
  const halo = { top: 1, left: 1, bottom: 1, right: 1 };
  const { entries, terms } = haloTable({ tiles, height: 56, width: 56, halo, reach: [56, 56] })!;
  assert.equal(entries.length / 3, 16 * 16 - 14 * 14);
  assert.equal(terms.length / 2, entries.length / 3, 'one term a vector');
  assert.equal(haloTable({ tiles, height: 56, width: 56, halo: noHalo, reach: [55, 55] }), undefined);
});

test('another grid with a halo holds the same image', () => {
  for (const [height, width] of sizes) {
    const source = allocate(chooseTiling(height, width), noHalo);
    layOut(source, height, width);
    const wanted = chooseTiling(Math.ceil(height / 2), Math.ceil(width / 2));
    const halo = { top: 1, left: 0, bottom: 2, right: 1 };
    const target = allocate({ grid: wanted.grid, rows: 2 * wanted.rows, columns: 2 * wanted.columns }, halo);
    const table = shuffleTable({
      source: source.tiles,
      target: target.tiles,
      halo,
      row: within(height),
      column: within(width),
    });
    // `within` has no lower end: a row above the image is negative and so none.
    apply(table, source, target, 0);
    forLanes(target.tiles, halo, (row, column, lane, y, x) => {
      const inside = y >= 0 && x >= 0 && y < height && x < width;
      const actual = target.vectors[position(target, row, column) + lane];
      assert.equal(actual, inside ? y * width + x + 1 : 0, `${height}x${width}, pixel ${y}, ${x}`);
    });
  }
});

test('an absurd window is refused before its table is made', () => {
  const tiles = { ...chooseTiling(8, 8), rowPitch: 8 };
  const halo = { top: 60_000, left: 60_000, bottom: 60_000, right: 60_000 };
  assert.throws(() => haloTable({ tiles, height: 8, width: 8, halo, reach: [60_000, 60_000] }), /a window that reads/);
});
