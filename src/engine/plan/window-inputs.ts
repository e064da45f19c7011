import { refuse } from '../graph/refusal.js';
import type { GraphNode, Pair } from '../graph/types.js';
import type { StepList, Tiles } from './arena.js';
import type { Dims } from './dims.js';
import type { Layout } from './layout.js';
import { tilesWithHalo } from './layout.js';
import type { ShuffleTable } from './shuffle.js';
import { haloTable, shuffleTable, within } from './shuffle.js';
import type { Halo, Tiling } from './tiling.js';
import { describeTiling, largerHalo, noHalo } from './tiling.js';
import type { TileWindow } from './windows.js';

/** A window's input, from the first tap of output pixel (0, 0) on. */
export interface WindowInput {
  readonly input: Tiles;
  readonly strides: Pair;
}

/** As the addon checks it. */
const mostWindow = 1024;

/** Where tensors come from, and what moves their pixels. */
export interface TileSource {
  readonly layout: Layout;
  readonly steps: StepList;
  dimsOf(tensor: string): Dims;
  tiles(tensor: string): Tiles;
  shuffle(input: Tiles, output: Tiles, table: ShuffleTable, fill: number): void;
}

/**
 * Makes what sliding windows read, once each: the caller's image in their tiles, a tensor whose halo is filled, or a copy in other tiles.
 * Lives as long as its Emitter.
 */
export class WindowInputs {
  /** Tensors whose halo is filled. */
  readonly #haloed = new Set<string>();
  /** Tiles of the caller's image, and copies with other tiles or halos, by what they are. */
  readonly #images = new Map<string, Tiles>();
  readonly #copies = new Map<string, Tiles>();

  constructor(readonly source: TileSource) {}

  /** Emits the caller's image in the tiles that each window wants, with zeros around it. @returns these tiles in words */
  addImages(name: string, readers: readonly GraphNode[]): string[] {
    const halos = new Map<string, { tiling: Tiling; halo: Halo }>();
    for (const node of readers) {
      if (!this.source.layout.readsImage(node)) continue;
      const { tiling, halo } = this.source.layout.windowOf(node)!;
      const known = halos.get(imageKey(tiling))?.halo ?? noHalo;
      halos.set(imageKey(tiling), { tiling, halo: largerHalo(known, halo) });
    }
    const described: string[] = [];
    for (const [key, { tiling, halo }] of halos) {
      const output = tilesWithHalo(tiling, halo, this.source.dimsOf(name)[1]!);
      this.source.steps.emit((at) => ({ kind: 'input', output: at.view(output), grid: tiling.grid, halo }));
      this.#images.set(key, output);
      described.push(describeTiling(tiling, halo));
    }
    return described;
  }

  /** The input of a sliding window, with everything that it reads in place. @throws Refusal when it is no single image */
  inputOf(node: GraphNode): WindowInput {
    const tensor = node.inputs[0]!;
    // Asks for the place first: what is no image is refused here.
    this.source.layout.tilesOf(tensor);
    const window = this.source.layout.windowOf(node) ?? refuse('its output is not one image');
    const { strides, before } = window;
    if (Math.max(...window.kernel, ...strides, ...window.dilations) > mostWindow) {
      refuse(`a kernel, stride or dilation of more than ${mostWindow}`);
    }
    if (this.source.layout.readsImage(node))
      return { input: moved(this.#images.get(imageKey(window.tiling))!, before), strides };
    if (!this.source.layout.servesInPlace(node)) return this.#copy(tensor, window);
    const input = this.source.tiles(tensor);
    this.#fillHalo(tensor, input);
    return { input: moved(input, before), strides };
  }

  #fillHalo(tensor: string, tiles: Tiles): void {
    if (this.#haloed.has(tensor)) return;
    this.#haloed.add(tensor);
    const [, , height, width] = this.source.dimsOf(tensor) as [number, number, number, number];
    const { halo, reach } = this.source.layout.demandOf(tensor)!;
    const laidOut = { ...this.source.layout.tilingOf(tensor), rowPitch: tiles.rowPitch };
    const table = haloTable({ tiles: laidOut, height, width, halo, reach });
    if (table !== undefined) this.source.shuffle(tiles, tiles, table, this.source.layout.fillOf(tensor));
  }

  /** Other tiles or another fill than the tensor's own. Where the kernel is one pixel wide, only the pixels that it reads. */
  #copy(tensor: string, { tiling, halo, kernel, strides, before, fill }: TileWindow): WindowInput {
    const [, channels, height, width] = this.source.dimsOf(tensor) as [number, number, number, number];
    const axes = ([0, 1] as const).map((axis) => {
      const length = axis === 0 ? tiling.rows : tiling.columns;
      const picks = kernel[axis] === 1;
      return picks
        ? { length: length / strides[axis], step: strides[axis], origin: -before[axis], stride: 1, before: 0 }
        : { length, step: 1, origin: 0, stride: strides[axis], before: before[axis] };
    });
    const [down, across] = [axes[0]!, axes[1]!];
    const around = {
      top: kernel[0] > 1 ? halo.top : 0,
      bottom: kernel[0] > 1 ? halo.bottom : 0,
      left: kernel[1] > 1 ? halo.left : 0,
      right: kernel[1] > 1 ? halo.right : 0,
    };
    const target = { grid: tiling.grid, rows: down.length, columns: across.length };
    const key = JSON.stringify([tensor, target, around, axes, String(fill)]);
    let copy = this.#copies.get(key);
    if (copy === undefined) {
      const input = this.source.tiles(tensor);
      copy = tilesWithHalo(target, around, channels);
      const table = shuffleTable({
        source: { ...this.source.layout.tilingOf(tensor), rowPitch: input.rowPitch },
        target: { ...target, rowPitch: copy.rowPitch },
        halo: around,
        row: (pixel) => within(height)(down.origin + pixel * down.step),
        column: (pixel) => within(width)(across.origin + pixel * across.step),
      });
      this.source.shuffle(input, copy, table, fill);
      this.#copies.set(key, copy);
    }
    return { input: moved(copy, [down.before, across.before]), strides: [down.stride, across.stride] };
  }
}

/** A view that starts `before` rows and columns earlier. */
function moved(tiles: Tiles, [rows, columns]: Pair): Tiles {
  return { ...tiles, offset: tiles.offset - rows * tiles.rowPitch - columns };
}

function imageKey({ grid, rows, columns }: Tiling): string {
  return [grid.rows, grid.columns, rows, columns].join('x');
}
