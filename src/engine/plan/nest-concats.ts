import type { Graph, GraphNode } from '../graph/types.js';

/** All lists of inputs that were concatenated so far, as a tree: one level an input. */
interface Prefix {
  readonly next: Map<string, Prefix>;
  /** The tensor that this list was concatenated to. */
  output: string | undefined;
}

/**
 * Concat(a, b, c) where a Concat(a, b) stands before it becomes Concat(Concat(a, b), c): DenseNets list all features again and again, and
 * nested they all lie in one buffer without copies.
 */
export function nestConcats(graph: Graph): Graph {
  const roots = new Map<number, Prefix>();
  const nodes = graph.nodes.map((node) => {
    if (node.operation.type !== 'Concat') return node;
    const { axis } = node.operation;
    const root = roots.get(axis) ?? { next: new Map(), output: undefined };
    roots.set(axis, root);
    return nest(node, root);
  });
  return { ...graph, nodes };
}

/** Takes the longest list of inputs that is there already, and adds the node's own. */
function nest(node: GraphNode, root: Prefix): GraphNode {
  let at = root;
  let longest: { readonly output: string; readonly length: number } | undefined;
  for (const [index, input] of node.inputs.entries()) {
    const next = at.next.get(input) ?? { next: new Map(), output: undefined };
    at.next.set(input, next);
    at = next;
    const isWhole = index === node.inputs.length - 1;
    if (at.output !== undefined && index > 0 && !isWhole) longest = { output: at.output, length: index + 1 };
  }
  at.output ??= node.output;
  if (longest === undefined) return node;
  return { ...node, inputs: [longest.output, ...node.inputs.slice(longest.length)] };
}
