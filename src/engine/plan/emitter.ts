import type { Activation, Constants } from '../../native/index.js';
import { refuse } from '../graph/refusal.js';
import type { ActivationFunction, Graph, GraphNode, Pair } from '../graph/types.js';
import type { Plain, StepList, Tiles } from './arena.js';
import { plainRegion } from './arena.js';
import type { ConstantPool } from './constants.js';
import type { Dims } from './dims.js';
import { elements } from './dims.js';
import type { Layout } from './layout.js';
import { tilesWithHalo } from './layout.js';
import type { ShuffleTable } from './shuffle.js';
import { haloTable, shuffleTable, within } from './shuffle.js';
import type { Halo, Tiling } from './tiling.js';
import { describeTiling, largerHalo, noHalo } from './tiling.js';
import type { Tuning } from './tuning.js';
import type { TileWindow } from './windows.js';

/** What people are told of how a node is computed. */
export interface Emitted {
  readonly kernel: string;
  readonly reason: string;
}

/** A window's input, from the first tap of output pixel (0, 0) on. */
export interface WindowInput {
  readonly input: Tiles;
  readonly strides: Pair;
}

/** As the addon checks it. */
const mostWindow = 1024;

/**
 * What each operation's emit function works with: it asks for tensors in the form that it wants, which emits the steps that make that form when it
 * is not there yet, and emits its own steps. Lives for one call of planGraph.
 */
export class Emitter {
  /** Image tensors whose tiles are in their place. */
  readonly #tiled = new Set<string>();
  readonly #plain = new Map<string, Plain>();
  /** Tensors whose halo is filled. */
  readonly #haloed = new Set<string>();
  /** Tiles of the caller's image, and copies with other tiles or halos, by what they are. */
  readonly #images = new Map<string, Tiles>();
  readonly #copies = new Map<string, Tiles>();
  readonly #inputLayouts: string[] = [];

  constructor(
    readonly graph: Graph,
    readonly dims: ReadonlyMap<string, Dims>,
    readonly layout: Layout,
    readonly steps: StepList,
    readonly constants: ConstantPool,
    readonly tuning: Tuning,
  ) {}

  dimsOf(tensor: string): Dims {
    return this.dims.get(tensor)!;
  }

  hasTiles(tensor: string): boolean {
    return this.#tiled.has(tensor);
  }

  hasPlain(tensor: string): boolean {
    return this.#plain.has(tensor);
  }

  /** Emits the input steps that the windows over the caller's image want. */
  addInput(): Emitted {
    const { name } = this.graph.input;
    const readers = this.graph.nodes.filter(({ inputs }) => inputs.includes(name));
    this.#addImages(name, readers);
    // Everything else reads it in the tiles of its own size.
    const isWanted = (node: GraphNode) => !this.layout.readsImage(node) || node.inputs[1] === name;
    if (this.graph.output === name || readers.some(isWanted)) {
      const output = this.layout.tilesOf(name);
      const { grid } = this.layout.tilingOf(name);
      this.steps.emit((at) => ({ kind: 'input', output: at.view(output), grid, halo: noHalo }));
      this.#tiled.add(name);
      this.#inputLayouts.push(this.describe(name));
    }
    return { kernel: 'input', reason: '' };
  }

  /** The caller's image in the tiles that each window wants, with zeros around it. */
  #addImages(name: string, readers: readonly GraphNode[]): void {
    const halos = new Map<string, { tiling: Tiling; halo: Halo }>();
    for (const node of readers) {
      if (!this.layout.readsImage(node)) continue;
      const { tiling, halo } = this.layout.windowOf(node)!;
      const known = halos.get(imageKey(tiling))?.halo ?? noHalo;
      halos.set(imageKey(tiling), { tiling, halo: largerHalo(known, halo) });
    }
    for (const [key, { tiling, halo }] of halos) {
      const output = tilesWithHalo(tiling, halo, this.dimsOf(name)[1]!);
      this.steps.emit((at) => ({ kind: 'input', output: at.view(output), grid: tiling.grid, halo }));
      this.#images.set(key, output);
      this.#inputLayouts.push(describeTiling(tiling, halo));
    }
  }

  /** The embedding as a plain tensor, where it is none yet. */
  addOutput(): Emitted {
    this.plain(this.graph.output);
    return { kernel: 'output', reason: '' };
  }

  describeInput(): string {
    return this.#inputLayouts.join('; ');
  }

  /** How a tensor lies: `4x4 tiles of 14x14, halo 1`, or `plain`. */
  describe(tensor: string): string {
    if (!this.#tiled.has(tensor)) return 'plain';
    return describeTiling(this.layout.tilingOf(tensor), this.layout.haloOf(tensor));
  }

  /** A tensor's tiles. @throws Refusal when it is no single image */
  tiles(tensor: string): Tiles {
    const output = this.layout.tilesOf(tensor);
    if (this.#tiled.has(tensor)) return output;
    const input = this.#plain.get(tensor)!;
    const [, , height, width] = this.dimsOf(tensor) as [number, number, number, number];
    const { grid } = this.layout.tilingOf(tensor);
    this.steps.emit((at) => ({
      kind: 'fromPlain',
      input: at.plain(input),
      height,
      width,
      output: at.view(output),
      grid,
    }));
    this.#tiled.add(tensor);
    return output;
  }

  /** Where a node's output goes as tiles: the caller writes them. */
  newTiles(tensor: string): Tiles {
    const output = this.layout.tilesOf(tensor);
    this.#tiled.add(tensor);
    return output;
  }

  /** A tensor as floats in ONNX's order. */
  plain(tensor: string): Plain {
    const known = this.#plain.get(tensor);
    if (known !== undefined) return known;
    const input = this.layout.tilesOf(tensor);
    const output = this.newPlain(tensor);
    const [, , height, width] = this.dimsOf(tensor) as [number, number, number, number];
    const { grid } = this.layout.tilingOf(tensor);
    this.steps.emit((at) => ({
      kind: 'toPlain',
      input: at.view(input),
      grid,
      height,
      width,
      output: at.plain(output),
    }));
    return output;
  }

  /** Where a node's output goes as a plain tensor: the caller writes it. */
  newPlain(tensor: string): Plain {
    const plain = plainRegion(elements(this.dimsOf(tensor)));
    this.#plain.set(tensor, plain);
    return plain;
  }

  /** A node's output is the same floats as one of its inputs. */
  aliasPlain(output: string, input: string): void {
    this.#plain.set(output, this.plain(input));
  }

  /** The input of a sliding window, with everything that it reads in place. @throws Refusal when it is no single image */
  window(node: GraphNode): WindowInput {
    const tensor = node.inputs[0]!;
    // Asks for the place first: what is no image is refused here.
    this.layout.tilesOf(tensor);
    const window = this.layout.windowOf(node) ?? refuse('its output is not one image');
    const { strides, before } = window;
    if (Math.max(...window.kernel, ...strides, ...window.dilations) > mostWindow) {
      refuse(`a kernel, stride or dilation of more than ${mostWindow}`);
    }
    if (this.layout.readsImage(node))
      return { input: moved(this.#images.get(imageKey(window.tiling))!, before), strides };
    if (!this.layout.servesInPlace(node)) return this.#copy(tensor, window);
    const input = this.tiles(tensor);
    this.#fillHalo(tensor, input);
    return { input: moved(input, before), strides };
  }

  #fillHalo(tensor: string, tiles: Tiles): void {
    if (this.#haloed.has(tensor)) return;
    this.#haloed.add(tensor);
    const [, , height, width] = this.dimsOf(tensor) as [number, number, number, number];
    const { halo, reach } = this.layout.demandOf(tensor)!;
    const laidOut = { ...this.layout.tilingOf(tensor), rowPitch: tiles.rowPitch };
    const table = haloTable({ tiles: laidOut, height, width, halo, reach });
    if (table !== undefined) this.shuffle(tiles, tiles, table, this.layout.fillOf(tensor));
  }

  /** Other tiles or another fill than the tensor's own. Where the kernel is one pixel wide, only the pixels that it reads. */
  #copy(tensor: string, { tiling, halo, kernel, strides, before, fill }: TileWindow): WindowInput {
    const [, channels, height, width] = this.dimsOf(tensor) as [number, number, number, number];
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
      const input = this.tiles(tensor);
      copy = tilesWithHalo(target, around, channels);
      const table = shuffleTable({
        source: { ...this.layout.tilingOf(tensor), rowPitch: input.rowPitch },
        target: { ...target, rowPitch: copy.rowPitch },
        halo: around,
        row: (pixel) => within(height)(down.origin + pixel * down.step),
        column: (pixel) => within(width)(across.origin + pixel * across.step),
      });
      this.shuffle(input, copy, table, fill);
      this.#copies.set(key, copy);
    }
    return { input: moved(copy, [down.before, across.before]), strides: [down.stride, across.stride] };
  }

  shuffle(input: Tiles, output: Tiles, table: ShuffleTable, fill: number): void {
    const entries = this.constants.share(table.entries);
    const terms = this.constants.share(table.terms);
    const permutations = this.constants.share(table.permutations);
    this.steps.emit((at) => ({
      kind: 'shuffle',
      input: at.view(input),
      output: at.view(output),
      fill,
      entries,
      terms,
      permutations,
    }));
  }

  /** One value a channel that is always the same needs no table. */
  channelConstants(values: Float32Array, neutral: number): Constants | undefined {
    return values.every((value) => value === neutral) ? undefined : this.constants.share(values);
  }
}

export function stepActivation(activation: ActivationFunction | undefined): Activation {
  return activation ?? { kind: 'none' };
}

/** A view that starts `before` rows and columns earlier. */
function moved(tiles: Tiles, [rows, columns]: Pair): Tiles {
  return { ...tiles, offset: tiles.offset - rows * tiles.rowPitch - columns };
}

function imageKey({ grid, rows, columns }: Tiling): string {
  return [grid.rows, grid.columns, rows, columns].join('x');
}
