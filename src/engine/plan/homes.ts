import { onlyReader, readersOf } from '../graph/edges.js';
import type { Graph, GraphNode } from '../graph/types.js';
import type { Dims } from './dims.js';
import { imageDims } from './dims.js';

/** Tiles of one height and width that lie together: one tensor, or several as groups of channels. */
export interface Storage {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Where an image tensor's tiles lie: channel c is channel first + c * step of the storage. */
export interface Home {
  readonly storage: Storage;
  readonly first: number;
  readonly step: number;
}

/**
 * Gives each image tensor its place. Parts of a Concat over channels lie inside of it, so that their producers write straight there; a slice of
 * channels is a part of its source; an elementwise operation works in place when nobody else reads its input, and a convolution in place of the
 * residual that it adds when nobody reads that afterwards.
 *
 * @param dims of every tensor
 */
export function findHomes(graph: Graph, dims: ReadonlyMap<string, Dims>): ReadonlyMap<string, Home> {
  const homes = new Map<string, Home>();
  const finder = new HomeFinder(graph, dims, homes);
  // From the end, so that a part knows of the largest whole that it belongs to.
  for (const node of graph.nodes.toReversed()) finder.place(node);
  finder.placeInput();
  for (const node of graph.nodes) finder.placeView(node);
  return homes;
}

/** Whether a node's output is nothing but some of the channels of its input. */
export function isChannelView({ operation, output, inputs }: GraphNode, dims: ReadonlyMap<string, Dims>): boolean {
  const from = imageDims(dims.get(inputs[0]!)!);
  const to = imageDims(dims.get(output)!);
  if (from === undefined || to === undefined) return false;
  return operation.type === 'Identity' || (operation.type === 'Slice' && from[1] === to[1] && from[2] === to[2]);
}

class HomeFinder {
  readonly #readers: Map<string, GraphNode[]>;
  readonly #producers: Map<string, GraphNode>;
  readonly #positions: Map<GraphNode, number>;
  /** Tensors whose place a later operation writes over. */
  readonly #overwritten = new Set<string>();

  constructor(
    readonly graph: Graph,
    readonly dims: ReadonlyMap<string, Dims>,
    readonly homes: Map<string, Home>,
  ) {
    this.#readers = readersOf(graph);
    this.#positions = new Map(graph.nodes.map((node, position) => [node, position]));
    this.#producers = new Map(graph.nodes.map((node) => [node.output, node]));
  }

  place(node: GraphNode): void {
    const { output, operation } = node;
    if (isChannelView(node, this.dims)) return;
    const image = imageDims(this.dims.get(output)!);
    if (image === undefined) return;
    const home = this.homes.get(output) ?? ownHome(image);
    this.homes.set(output, home);
    if (operation.type === 'Concat' && operation.axis === 1) this.#placeParts(node, home);
    const replaced = this.#replacedBy(node, this.#positions.get(node)!);
    if (replaced === undefined) return;
    this.homes.set(replaced, home);
    this.#overwritten.add(replaced);
  }

  /** The input whose memory the node may write its output to. */
  #replacedBy({ operation, inputs, output }: GraphNode, position: number): string | undefined {
    const isFree = (input: string) => this.#isFree(input) && this.#sameDims(input, output);
    if (operation.type === 'Activation' || operation.type === 'ScaleShift' || operation.type === 'Binary') {
      return inputs.find((input) => isFree(input) && this.#isOnlyRead(input));
    }
    if (operation.type !== 'Conv' || !operation.residual || operation.group > 1) return undefined;
    const [input, residual] = inputs as [string, string];
    return input !== residual && isFree(residual) && this.#isReadLastBy(residual, position) ? residual : undefined;
  }

  /** Views would go on showing what was written over. */
  #isReadLastBy(tensor: string, position: number): boolean {
    const readers = this.#readers.get(tensor) ?? [];
    const isEarlier = (reader: GraphNode) =>
      this.#positions.get(reader)! <= position && !isChannelView(reader, this.dims);
    return tensor !== this.graph.output && readers.every(isEarlier);
  }

  #placeParts({ inputs, output }: GraphNode, home: Home): void {
    let first = home.first;
    const overwritten = this.#overwritten.has(output);
    for (const input of inputs) {
      // A part that others read, too, must not be written over with the whole.
      if (this.#isFree(input) && (!overwritten || this.#isOnlyRead(input))) {
        this.homes.set(input, { ...home, first });
        if (overwritten) this.#overwritten.add(input);
      }
      first += this.dims.get(input)![1]!;
    }
  }

  placeInput(): void {
    const { name } = this.graph.input;
    const image = imageDims(this.dims.get(name)!);
    if (image !== undefined) this.homes.set(name, ownHome(image));
  }

  placeView(node: GraphNode): void {
    if (!isChannelView(node, this.dims)) return;
    const { storage, first, step } = this.homes.get(node.inputs[0]!)!;
    const [start, stride] =
      node.operation.type === 'Slice' ? [node.operation.starts[1]!, node.operation.steps[1]!] : [0, 1];
    this.homes.set(node.output, { storage, first: first + start * step, step: step * stride });
  }

  /** Has no place yet, and a producer that writes wherever it shall. */
  #isFree(tensor: string): boolean {
    const producer = this.#producers.get(tensor);
    return !this.homes.has(tensor) && producer !== undefined && !isChannelView(producer, this.dims);
  }

  #isOnlyRead(tensor: string): boolean {
    return onlyReader(this.graph, this.#readers, tensor) !== undefined;
  }

  #sameDims(left: string, right: string): boolean {
    return this.dims.get(left)!.join() === this.dims.get(right)!.join();
  }
}

function ownHome([channels, height, width]: readonly [number, number, number]): Home {
  return { storage: { channels, height, width }, first: 0, step: 1 };
}
