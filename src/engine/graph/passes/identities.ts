import type { Graph, GraphNode } from '../types.js';
import type { PassResult } from './pass.js';

/** Identity and Dropout go; what read them reads what they read. */
export function removeIdentities(graph: Graph): PassResult {
  const behind = new Map<string, string>();
  const source = (tensor: string) => behind.get(tensor) ?? tensor;
  const nodes: GraphNode[] = [];
  for (const node of graph.nodes) {
    if (node.operation.type === 'Identity') behind.set(node.output, source(node.inputs[0]!));
    else nodes.push({ ...node, inputs: node.inputs.map(source) });
  }
  return { graph: { ...graph, nodes, output: source(graph.output) }, changes: behind.size };
}
