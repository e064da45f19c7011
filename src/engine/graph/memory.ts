import { elementsOf } from './shape.js';
import type { Graph } from './types.js';

/** Where an activation lies in the arena, and from when to when. Times count nodes: -1 is before the first. */
export interface Placement {
  readonly tensor: string;
  readonly offset: number;
  readonly bytes: number;
  /** Position of the node that writes it; -1 for the graph's input. */
  readonly from: number;
  /** Position of the last node that reads it. */
  readonly to: number;
}

export interface MemoryPlan {
  /** In the order in which they are written. Tensors that only reshape another have none: they lie where that one lies. */
  readonly placements: readonly Placement[];
  /** Size of the arena for one image. */
  readonly bytes: number;
  /** The most that is alive at once: no plan needs less. */
  readonly lowerBound: number;
}

/** Cache lines, and the widest vector. */
const alignment = 64;
const bytesOfFloat = 4;

/**
 * Places every activation of one image in one arena: the largest first, each at the lowest offset where it overlaps none that is alive at
 * the same time. A node's inputs and output are alive together; the embedding lives to the end.
 */
export function planMemory(graph: Graph): MemoryPlan {
  const lifetimes = findLifetimes(graph);
  const placements = placeBySize(lifetimes);
  return {
    placements,
    bytes: Math.max(0, ...placements.map(({ offset, bytes }) => offset + bytes)),
    lowerBound: mostAlive(lifetimes, graph.nodes.length),
  };
}

/** Memory that is needed from one time to another, both included. */
export interface Alive {
  /** A multiple of the alignment that all shall have. */
  readonly bytes: number;
  readonly from: number;
  readonly to: number;
}

/**
 * Gives each an offset, so that none overlaps another that is alive at the same time: the largest first, each as low as it can lie. Looks at
 * every pair: the numbers lie in typed arrays, so that this stays quick for the largest graph.
 */
export function placeBySize<T extends Alive>(lifetimes: readonly T[]): (T & { readonly offset: number })[] {
  const from = Int32Array.from(lifetimes, (lifetime) => lifetime.from);
  const to = Int32Array.from(lifetimes, (lifetime) => lifetime.to);
  const bytes = Float64Array.from(lifetimes, (lifetime) => lifetime.bytes);
  const offsets = new Float64Array(lifetimes.length);
  const bySize = Array.from(lifetimes, (_, tensor) => tensor).sort((a, b) => bytes[b]! - bytes[a]! || a - b);
  const placed = new Int32Array(lifetimes.length);
  for (const [count, tensor] of bySize.entries()) {
    let offset = 0;
    // `placed` is in the order of offsets: the first gap that is wide enough is the lowest.
    for (let at = 0; at < count; at++) {
      const other = placed[at]!;
      if (from[other]! > to[tensor]! || from[tensor]! > to[other]!) continue;
      if (offset + bytes[tensor]! <= offsets[other]!) break;
      offset = Math.max(offset, offsets[other]! + bytes[other]!);
    }
    offsets[tensor] = offset;
    let position = count;
    while (position > 0 && offsets[placed[position - 1]!]! > offset) position--;
    placed.copyWithin(position + 1, position, count);
    placed[position] = tensor;
  }
  return lifetimes.map((lifetime, tensor) => ({ ...lifetime, offset: offsets[tensor]! }));
}

type Lifetime = Omit<Placement, 'offset'>;

function findLifetimes(graph: Graph): Lifetime[] {
  const home = new Map<string, string>([[graph.input.name, graph.input.name]]);
  const found = new Map<string, { tensor: string; bytes: number; from: number; to: number }>();
  const write = (tensor: string, elements: number, from: number) => {
    const bytes = Math.ceil((elements * bytesOfFloat) / alignment) * alignment;
    found.set(tensor, { tensor, bytes, from, to: from });
  };
  write(graph.input.name, elementsOf(graph.input.shape), -1);
  for (const [position, node] of graph.nodes.entries()) {
    for (const input of node.inputs) found.get(home.get(input)!)!.to = position;
    const reshaped = node.operation.type === 'Reshape';
    home.set(node.output, reshaped ? home.get(node.inputs[0]!)! : node.output);
    if (!reshaped) write(node.output, elementsOf(node.shape), position);
  }
  found.get(home.get(graph.output)!)!.to = graph.nodes.length;
  return [...found.values()];
}

/** Sum of what is alive, at its highest. */
function mostAlive(lifetimes: readonly Lifetime[], nodes: number): number {
  const change = new Array<number>(nodes + 3).fill(0);
  for (const { from, to, bytes } of lifetimes) {
    change[from + 1]! += bytes;
    change[to + 2]! -= bytes;
  }
  let alive = 0;
  let most = 0;
  for (const step of change) {
    alive += step;
    most = Math.max(most, alive);
  }
  return most;
}
