import { refuse } from '../graph/refusal.js';
import type { Graph, GraphNode } from '../graph/types.js';
import type { Region, Tiles } from './arena.js';
import type { Dims } from './dims.js';
import { imageDims } from './dims.js';
import type { Home, Storage } from './homes.js';
import { findHomes } from './homes.js';
import type { Halo, Tiling } from './tiling.js';
import { chooseTiling, largerHalo, noHalo, sameTiling } from './tiling.js';
import type { TileWindow } from './windows.js';
import { tileWindow } from './windows.js';

/** A halo, and how far into the pixels outside of the image windows read. */
export interface HaloDemand {
  readonly halo: Halo;
  readonly reach: readonly [row: number, column: number];
}

/** A storage with the room around its tiles. */
interface RoomyStorage {
  readonly tiling: Tiling;
  halo: Halo;
  /** What pixels outside of the image hold; undefined while no window minds. */
  fill: number | undefined;
  region: Region | undefined;
}

/** Which tiles every image tensor has, and what the windows over it want. */
export class Layout {
  readonly #homes: ReadonlyMap<string, Home>;
  readonly #rooms = new Map<Storage, RoomyStorage>();
  readonly #demands = new Map<string, HaloDemand>();
  /** By node name. */
  readonly #windows = new Map<string, TileWindow>();

  /**
   * @param dims of every tensor
   * @param nonNegative tensors without values below zero
   */
  constructor(
    readonly graph: Graph,
    readonly dims: ReadonlyMap<string, Dims>,
    nonNegative: ReadonlySet<string>,
  ) {
    this.#homes = findHomes(graph, dims);
    for (const { storage } of this.#homes.values()) {
      if (this.#rooms.has(storage)) continue;
      const tiling = chooseTiling(storage.height, storage.width);
      this.#rooms.set(storage, { tiling, halo: noHalo, fill: undefined, region: undefined });
    }
    for (const node of graph.nodes) this.#addWindow(node, nonNegative);
    this.#demandHalos();
  }

  #addWindow(node: GraphNode, nonNegative: ReadonlySet<string>): void {
    const input = node.inputs[0]!;
    const [from, to] = [this.dims.get(input)!, this.dims.get(node.output)!];
    // What is no image is refused when the node's turn comes.
    if (imageDims(from) === undefined || imageDims(to) === undefined) return;
    const window = tileWindow(node, from, to, nonNegative.has(input));
    if (window !== undefined) this.#windows.set(node.name, window);
  }

  /** Zeros come first: a maximum that wants minus infinity beside them gets a copy. */
  #demandHalos(): void {
    for (const fill of [0, Number.NEGATIVE_INFINITY]) {
      for (const node of this.graph.nodes) {
        const window = this.#windows.get(node.name);
        if (window === undefined || window.fill !== fill) continue;
        const room = this.#roomOf(node.inputs[0]!);
        if (this.readsImage(node) || !sameTiling(room.tiling, window.tiling)) continue;
        room.fill ??= fill;
        if (room.fill === fill) this.#demand(node.inputs[0]!, room, window);
      }
    }
  }

  #demand(tensor: string, room: RoomyStorage, { halo, reach }: TileWindow): void {
    const known = this.#demands.get(tensor) ?? { halo: noHalo, reach: [0, 0] };
    this.#demands.set(tensor, {
      halo: largerHalo(known.halo, halo),
      reach: [Math.max(known.reach[0], reach[0]), Math.max(known.reach[1], reach[1])],
    });
    room.halo = largerHalo(room.halo, halo);
  }

  /** undefined when the node slides no window over tiles. */
  windowOf(node: GraphNode): TileWindow | undefined {
    return this.#windows.get(node.name);
  }

  /** Whether the node's window gets its tiles straight from the caller's image, which is laid out with zeros around it. */
  readsImage(node: GraphNode): boolean {
    const window = this.#windows.get(node.name);
    if (node.inputs[0] !== this.graph.input.name || window?.fill !== 0) return false;
    const [, height, width] = imageDims(this.dims.get(this.graph.input.name)!)!;
    const { grid, rows, columns } = window.tiling;
    // Windows that leave pixels out may have tiles that do not hold them.
    return grid.rows * rows >= height && grid.columns * columns >= width;
  }

  /** Whether the input's own tiles, with their halo, serve the node's window. */
  servesInPlace(node: GraphNode): boolean {
    const window = this.#windows.get(node.name)!;
    const room = this.#roomOf(node.inputs[0]!);
    return room.fill === window.fill && sameTiling(room.tiling, window.tiling);
  }

  /** What the windows that are served in place want of a tensor; undefined: there are none. */
  demandOf(tensor: string): HaloDemand | undefined {
    return this.#demands.get(tensor);
  }

  /** What pixels outside of the image hold where windows read them. */
  fillOf(tensor: string): number {
    return this.#roomOf(tensor).fill ?? 0;
  }

  tilingOf(tensor: string): Tiling {
    return this.#roomOf(tensor).tiling;
  }

  haloOf(tensor: string): Halo {
    return this.#roomOf(tensor).halo;
  }

  /** Where a tensor's tiles lie. @throws Refusal when it is no single image */
  tilesOf(tensor: string): Tiles {
    const { storage, first, step } = this.#homeOf(tensor);
    const room = this.#rooms.get(storage)!;
    const all = tilesWithHalo(room.tiling, room.halo, storage.channels, room.region);
    room.region = all.region;
    return {
      ...all,
      offset: all.offset + first * all.channelPitch,
      channelPitch: step * all.channelPitch,
      channels: this.dims.get(tensor)![1]!,
    };
  }

  /** Whether two tensors lie in the same place. */
  sharePlace(left: string, right: Home): boolean {
    const home = this.#homeOf(left);
    return home.storage === right.storage && home.first === right.first && home.step === right.step;
  }

  /** Channels from `first` on of a tensor's place. */
  partOf(tensor: string, first: number): Home {
    const home = this.#homeOf(tensor);
    return { ...home, first: home.first + first * home.step };
  }

  #roomOf(tensor: string): RoomyStorage {
    return this.#rooms.get(this.#homeOf(tensor).storage)!;
  }

  #homeOf(tensor: string): Home {
    const home = this.#homes.get(tensor);
    return home ?? refuse(`a tensor [${this.dims.get(tensor)!.join(', ')}] where one image is expected`);
  }
}

/**
 * A pitch that does not divide the L1 cache's 64 sets into few: with 16 vectors from channel to channel, four channels in a row take the same
 * sets as the next four, and push them out.
 */
function evenlyCached(pitch: number): number {
  return pitch % 4 === 0 ? pitch + 1 : pitch;
}

/** @param region where they lie; undefined: a new one */
export function tilesWithHalo(tiling: Tiling, halo: Halo, channels: number, region?: Region): Tiles {
  const channelPitch = evenlyCached(halo.left + tiling.columns + halo.right);
  const rowPitch = channels * channelPitch;
  return {
    region: region ?? { vectors: (halo.top + tiling.rows + halo.bottom) * rowPitch },
    offset: halo.top * rowPitch + halo.left,
    rowPitch,
    channelPitch,
    channels,
    rows: tiling.rows,
    columns: tiling.columns,
  };
}
