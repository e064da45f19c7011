import { onlyReader, readersOf } from '../edges.js';
import type { Graph, GraphNode, Operation } from '../types.js';
import type { PassResult } from './pass.js';

/** An activation function moves into the node before it, when nobody else reads that node's result. */
export function fuseActivations(graph: Graph): PassResult {
  const readers = readersOf(graph);
  const fused = new Map<string, GraphNode>();
  const nodes: GraphNode[] = [];
  for (const node of graph.nodes) {
    const activation = fused.get(node.output);
    if (activation === node) continue;
    const reader = onlyReader(graph, readers, node.output);
    const operation = reader === undefined ? undefined : withActivation(node.operation, reader.operation);
    if (reader === undefined || operation === undefined) {
      nodes.push(node);
      continue;
    }
    nodes.push({ ...node, operation, output: reader.output, shape: reader.shape });
    fused.set(reader.output, reader);
  }
  return { graph: { ...graph, nodes }, changes: fused.size };
}

function withActivation(operation: Operation, reader: Operation): Operation | undefined {
  if (reader.type !== 'Activation') return undefined;
  const takesOne = 'activation' in operation && operation.type !== 'Activation';
  return takesOne && operation.activation === undefined
    ? ({ ...operation, activation: reader.activation } as Operation)
    : undefined;
}
