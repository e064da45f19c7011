import { readersOf } from '../graph/edges.js';
import type { Graph, GraphNode, Operation, Pads } from '../graph/types.js';

/**
 * A Pad that only convolutions and pools read becomes padding of these, where that is the same: zeros before convolutions and averages, zeros of
 * a non-negative tensor or minus infinity before maxima.
 *
 * @returns the graph, and the nodes that went
 */
export function absorbPads(
  graph: Graph,
  nonNegative: ReadonlySet<string>,
): { readonly graph: Graph; readonly absorbed: ReadonlySet<string> } {
  const readers = readersOf(graph);
  const absorbed = new Map<string, { readonly pads: Pads; readonly input: string; readonly node: string }>();
  for (const { name, operation, inputs, output } of graph.nodes) {
    if (operation.type !== 'Pad' || output === graph.output) continue;
    const { pads } = operation;
    const every = readers
      .get(output)
      ?.every((reader) => takesPads(reader, output, operation, nonNegative.has(inputs[0]!)));
    // A Pad does not take pads itself: of two in a row, the first one stays.
    if (every) absorbed.set(output, { pads, input: inputs[0]!, node: name });
  }
  const nodes = graph.nodes
    .filter(({ output }) => !absorbed.has(output))
    .map((node) => {
      const pad = absorbed.get(node.inputs[0]!);
      return pad === undefined ? node : withPads(node, pad.pads, pad.input);
    });
  return { graph: { ...graph, nodes }, absorbed: new Set(Array.from(absorbed.values(), ({ node }) => node)) };
}

type Pad = Extract<Operation, { type: 'Pad' }>;

function takesPads(
  { operation, inputs }: GraphNode,
  padded: string,
  { value, pads }: Pad,
  nonNegative: boolean,
): boolean {
  if (inputs[0] !== padded || inputs[1] === padded) return false;
  switch (operation.type) {
    case 'Conv':
      return value === 0;
    case 'AveragePool':
      return value === 0 && operation.pads.every((length) => length === 0);
    case 'MaxPool':
      if (value === 0 && nonNegative) return true;
      // -3.4e38 is how some exporters write minus infinity; it makes a difference where a window sees nothing else.
      return value <= -3.4e38 && pads.every((length, side) => length < operation.kernel[(side % 2) as 0 | 1]);
    default:
      return false;
  }
}

function withPads(node: GraphNode, pads: Pads, input: string): GraphNode {
  const { operation } = node;
  if (operation.type !== 'Conv' && operation.type !== 'MaxPool' && operation.type !== 'AveragePool') return node;
  const own = operation.pads;
  const sum: Pads = [own[0] + pads[0], own[1] + pads[1], own[2] + pads[2], own[3] + pads[3]];
  const changed =
    operation.type === 'AveragePool' ? { ...operation, pads: sum, countPadding: true } : { ...operation, pads: sum };
  return { ...node, operation: changed, inputs: [input, ...node.inputs.slice(1)] };
}
