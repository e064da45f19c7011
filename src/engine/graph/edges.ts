import type { Graph, GraphNode } from './types.js';

/** The nodes that read each tensor; a node that reads one twice is listed twice. */
export function readersOf(graph: Graph): Map<string, GraphNode[]> {
  const readers = new Map<string, GraphNode[]>();
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      const list = readers.get(input);
      if (list === undefined) readers.set(input, [node]);
      else list.push(node);
    }
  }
  return readers;
}

/** The only reader of a tensor; undefined when there are more or none, or the tensor is the graph's output. */
export function onlyReader(graph: Graph, readers: ReadonlyMap<string, readonly GraphNode[]>, tensor: string) {
  const list = readers.get(tensor);
  return list?.length === 1 && tensor !== graph.output ? list[0] : undefined;
}
