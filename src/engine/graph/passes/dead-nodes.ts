import type { Graph, GraphNode } from '../types.js';
import type { PassResult } from './pass.js';

/** Removes nodes whose result nobody reads. */
export function removeDeadNodes(graph: Graph): PassResult {
  const read = new Set([graph.output]);
  const kept: GraphNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!read.has(node.output)) continue;
    kept.push(node);
    for (const input of node.inputs) read.add(input);
  }
  return { graph: { ...graph, nodes: kept.reverse() }, changes: graph.nodes.length - kept.length };
}
