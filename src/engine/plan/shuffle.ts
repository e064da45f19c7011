import { lanes } from '../../native/index.js';
import { refuse } from '../graph/refusal.js';
import type { Halo, Tiling } from './tiling.js';
import { noHalo } from './tiling.js';

/** The tables of a `shuffle` step, as src/native/plan.ts says. */
export interface ShuffleTable {
  readonly entries: Int32Array;
  readonly terms: Int32Array;
  readonly permutations: Int32Array;
}

/** Tiles in memory. */
export interface LaidOut extends Tiling {
  readonly rowPitch: number;
}

export interface ShuffleSpec {
  readonly source: LaidOut;
  readonly target: LaidOut;
  /** Vectors around the target's tile that are written, too. */
  readonly halo?: Halo;
  /** For a pixel row of the target the one of the source; negative: none. Columns likewise. */
  readonly row: (target: number) => number;
  readonly column: (target: number) => number;
  /** Which vectors are written, by row and column in the target's tile; undefined: all. */
  readonly selects?: (row: number, column: number) => boolean;
}

/** More vectors of one tile than any sensible window reaches. */
const mostEntries = 2 ** 18;

/** @throws Refusal when a tile with its halo is absurdly large */
export function shuffleTable({ source, target, halo = noHalo, row, column, selects }: ShuffleSpec): ShuffleTable {
  const height = halo.top + target.rows + halo.bottom;
  const width = halo.left + target.columns + halo.right;
  if (!(height * width <= mostEntries)) refuse(`a window that reads ${height}x${width} pixels around each tile`);
  const rows = locate(target.grid.rows, target.rows, halo.top, height, source.rows, row);
  const columns = locate(target.grid.columns, target.columns, halo.left, width, source.columns, column);
  const collector = new Collector(source, target);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [tileRow, tileColumn] = [y - halo.top, x - halo.left];
      if (selects !== undefined && !selects(tileRow, tileColumn)) continue;
      collector.add(tileRow * target.rowPitch + tileColumn, rows, y, columns, x);
    }
  }
  return collector.finish();
}

/** Along one axis: for each vector and each tile of the target, which tile and which vector of the source; tile -1: none. */
interface Located {
  readonly tiles: number;
  /** [vectors][tiles]. */
  readonly tile: Int32Array;
  readonly within: Int32Array;
}

function locate(
  tiles: number,
  length: number,
  before: number,
  vectors: number,
  sourceLength: number,
  map: (target: number) => number,
): Located {
  const tile = new Int32Array(vectors * tiles).fill(-1);
  const within = new Int32Array(vectors * tiles);
  for (let vector = 0; vector < vectors; vector++) {
    for (let index = 0; index < tiles; index++) {
      const pixel = map(index * length + vector - before);
      if (pixel < 0) continue;
      tile[vector * tiles + index] = Math.floor(pixel / sourceLength);
      within[vector * tiles + index] = pixel % sourceLength;
    }
  }
  return { tiles, tile, within };
}

class Collector {
  readonly #entries: number[] = [];
  readonly #terms: number[] = [];
  readonly #permutations: number[] = [];
  readonly #known = new Map<string, number>();

  constructor(
    readonly source: LaidOut,
    readonly target: LaidOut,
  ) {}

  add(destination: number, rows: Located, y: number, columns: Located, x: number): void {
    // Lanes that come from the same vector are one term.
    const terms = new Map<number, number[]>();
    for (let tileRow = 0; tileRow < rows.tiles; tileRow++) {
      const fromRow = rows.tile[y * rows.tiles + tileRow]!;
      if (fromRow < 0) continue;
      const rowOffset = rows.within[y * rows.tiles + tileRow]! * this.source.rowPitch;
      for (let tileColumn = 0; tileColumn < columns.tiles; tileColumn++) {
        const fromColumn = columns.tile[x * columns.tiles + tileColumn]!;
        if (fromColumn < 0) continue;
        const offset = rowOffset + columns.within[x * columns.tiles + tileColumn]!;
        let permutation = terms.get(offset);
        if (permutation === undefined) {
          permutation = new Array<number>(lanes).fill(-1);
          terms.set(offset, permutation);
        }
        permutation[tileRow * columns.tiles + tileColumn] = fromRow * this.source.grid.columns + fromColumn;
      }
    }
    this.#entries.push(destination, this.#terms.length / 2, terms.size);
    for (const [offset, permutation] of terms) this.#terms.push(offset, this.#permutation(permutation));
  }

  #permutation(permutation: readonly number[]): number {
    const key = permutation.join();
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const index = this.#known.size;
    this.#known.set(key, index);
    this.#permutations.push(...permutation);
    return index;
  }

  finish(): ShuffleTable {
    return {
      entries: Int32Array.from(this.#entries),
      terms: Int32Array.from(this.#terms),
      permutations: Int32Array.from(this.#permutations),
    };
  }
}

/** Pixels as they are; none outside of the image. */
export function within(length: number): (target: number) => number {
  return (target) => (target < length ? target : -1);
}

export interface HaloSpec {
  readonly tiles: LaidOut;
  readonly height: number;
  readonly width: number;
  readonly halo: Halo;
  /** The last pixel row and column that a result depends on: at and beyond the image's height and width they are padding. */
  readonly reach: readonly [row: number, column: number];
}

/**
 * In place: fills the halo from the neighbouring tiles, and what a window reads of the tiles' pixels outside of the image with the
 * step's `fill`. Undefined when there is nothing to do.
 */
export function haloTable({ tiles, height, width, halo, reach }: HaloSpec): ShuffleTable | undefined {
  const inTile = (row: number, column: number) => row >= 0 && row < tiles.rows && column >= 0 && column < tiles.columns;
  // A vector of the tile is masked when one of its lanes is a pixel outside of the image that is read.
  const outsideRows = readsOutside(tiles.grid.rows, tiles.rows, height, reach[0]);
  const outsideColumns = readsOutside(tiles.grid.columns, tiles.columns, width, reach[1]);
  const table = shuffleTable({
    source: tiles,
    target: tiles,
    halo,
    row: within(height),
    column: within(width),
    selects: (row, column) => !inTile(row, column) || outsideRows[row] === 1 || outsideColumns[column] === 1,
  });
  return table.entries.length === 0 ? undefined : table;
}

/** For each row of a tile whether it is, in one of the tiles, behind the image and not behind `reach`. */
function readsOutside(tiles: number, length: number, image: number, reach: number): Uint8Array {
  const result = new Uint8Array(length);
  for (let pixel = image; pixel <= Math.min(reach, tiles * length - 1); pixel++) result[pixel % length] = 1;
  return result;
}
