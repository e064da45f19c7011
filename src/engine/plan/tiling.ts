import type { Grid } from '../../native/index.js';
import { lanes } from '../../native/index.js';

/** How an image is cut: a grid of tiles, each of rows x columns pixels. The last ones may reach over the image's edge. */
export interface Tiling {
  readonly grid: Grid;
  readonly rows: number;
  readonly columns: number;
}

/** Vectors around a tile. */
export interface Halo {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

export const noHalo: Halo = { top: 0, left: 0, bottom: 0, right: 0 };

/** Columns that the accumulators of a convolution hold at once: `kMostColumns` of src/native/kernels/units.h (a test compares them). */
export const mostColumns = 7;
/** What starting on a non-zero costs, in columns: it is shared by the columns of a part. */
const startCost = 0.75;

/** Costs that differ by less are equal: a small halo saves more. */
const tolerance = 1.03;

/**
 * The tiling that a convolution computes fastest: few vectors, in row parts that are not too narrow. Of about equal ones the squarest tile
 * (it has the smallest halo), then the grid with the most tiles.
 */
export function chooseTiling(height: number, width: number): Tiling {
  const candidates: Tiling[] = [];
  for (let rows = 1; rows <= lanes; rows++) {
    for (let columns = 1; rows * columns <= lanes; columns++) {
      candidates.push({ grid: { rows, columns }, rows: Math.ceil(height / rows), columns: Math.ceil(width / columns) });
    }
  }
  const lowest = candidates.reduce((least, candidate) => Math.min(least, cost(candidate)), Number.POSITIVE_INFINITY);
  const good = candidates.filter((candidate) => cost(candidate) <= tolerance * lowest);
  return good.reduce((best, candidate) => (compare(candidate, best) < 0 ? candidate : best));
}

/** Negative when `left` is better. */
function compare(left: Tiling, right: Tiling): number {
  return (
    Math.abs(left.rows - left.columns) - Math.abs(right.rows - right.columns) ||
    cost(left) - cost(right) ||
    tilesOf(right) - tilesOf(left) ||
    right.grid.rows - left.grid.rows
  );
}

function cost({ rows, columns }: Tiling): number {
  return rows * columns * (1 + startCost / partWidth(columns));
}

function tilesOf({ grid }: Tiling): number {
  return grid.rows * grid.columns;
}

/** Parts that a tile's row is cut into, of at most so many columns. */
export function partsOf(columns: number, mostColumnsAtOnce = mostColumns): number {
  return Math.ceil(columns / mostColumnsAtOnce);
}

/** Average width of the parts that a tile's row is computed in. */
function partWidth(columns: number): number {
  return columns / partsOf(columns);
}

export function sameTiling(left: Tiling, right: Tiling): boolean {
  return (
    left.rows === right.rows &&
    left.columns === right.columns &&
    left.grid.rows === right.grid.rows &&
    left.grid.columns === right.grid.columns
  );
}

export function largerHalo(left: Halo, right: Halo): Halo {
  return {
    top: Math.max(left.top, right.top),
    left: Math.max(left.left, right.left),
    bottom: Math.max(left.bottom, right.bottom),
    right: Math.max(left.right, right.right),
  };
}

/** `4x4 tiles of 14x14, halo 1`. */
export function describeTiling({ grid, rows, columns }: Tiling, halo: Halo): string {
  const sides = [halo.top, halo.left, halo.bottom, halo.right];
  const widths = sides.every((side) => side === halo.top) ? `${halo.top}` : sides.join('/');
  const around = sides.every((side) => side === 0) ? '' : `, halo ${widths}`;
  return `${grid.rows}x${grid.columns} tiles of ${rows}x${columns}${around}`;
}

/** For each vector of a tile a bit for each lane that holds a pixel of the image: int32 [rows][columns]. */
export function imageMasks({ grid, rows, columns }: Tiling, height: number, width: number): Int32Array {
  const masks = new Int32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let lane = 0; lane < grid.rows * grid.columns; lane++) {
        const y = Math.floor(lane / grid.columns) * rows + row;
        const x = (lane % grid.columns) * columns + column;
        if (y < height && x < width) masks[row * columns + column]! |= 1 << lane;
      }
    }
  }
  return masks;
}
