import type { Activation, Constants } from '../../native/index.js';
import type { ActivationFunction, Graph, GraphNode } from '../graph/types.js';
import type { Plain, StepList, Tiles } from './arena.js';
import { plainRegion } from './arena.js';
import type { ConstantPool } from './constants.js';
import type { Dims } from './dims.js';
import { elements } from './dims.js';
import type { Layout } from './layout.js';
import type { ShuffleTable } from './shuffle.js';
import { describeTiling, noHalo } from './tiling.js';
import type { Tuning } from './tuning.js';
import type { TileSource, WindowInput } from './window-inputs.js';
import { WindowInputs } from './window-inputs.js';

/** What people are told of how a node is computed. */
export interface Emitted {
  readonly kernel: string;
  readonly reason: string;
}

/**
 * What each operation's emit function works with: it asks for tensors in the form that it wants, which emits the steps that make that form when it
 * is not there yet, and emits its own steps. Lives for one call of planGraph.
 */
export class Emitter implements TileSource {
  /** Image tensors whose tiles are in their place. */
  readonly #tiled = new Set<string>();
  readonly #plain = new Map<string, Plain>();
  readonly #windows: WindowInputs;
  readonly #inputLayouts: string[] = [];

  constructor(
    readonly graph: Graph,
    readonly dims: ReadonlyMap<string, Dims>,
    readonly layout: Layout,
    readonly steps: StepList,
    readonly constants: ConstantPool,
    readonly tuning: Tuning,
  ) {
    this.#windows = new WindowInputs(this);
  }

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
    this.#inputLayouts.push(...this.#windows.addImages(name, readers));
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
    return this.#windows.inputOf(node);
  }

  /** Moves pixels between lanes, as a table of `shuffle.ts` says. */
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
