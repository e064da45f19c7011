import { onlyReader, readersOf } from '../edges.js';
import { sameShape } from '../shape.js';
import type { Convolution, Graph, GraphNode } from '../types.js';
import type { PassResult } from './pass.js';

/**
 * An Add moves into a convolution that feeds it and nothing else: the other summand becomes its input 1. Of two such convolutions the
 * later one takes it, so that the other summand is there in time.
 */
export function fuseResiduals(graph: Graph): PassResult {
  const readers = readersOf(graph);
  const producers = new Map(graph.nodes.map((node) => [node.output, node]));
  const positions = new Map(graph.nodes.map((node, position) => [node.output, position]));
  const gone = new Set<GraphNode>();
  const replaced = new Map<GraphNode, GraphNode>();
  const shapeOf = (tensor: string) => producers.get(tensor)?.shape ?? graph.input.shape;
  for (const node of graph.nodes) {
    // A convolution adds element by element: it repeats no axes.
    if (!isPlainAdd(node) || !node.inputs.every((input) => sameShape(shapeOf(input), node.shape))) continue;
    const candidates = node.inputs
      .map((input) => producers.get(input))
      .filter((producer) => producer !== undefined)
      .filter((producer) => takesResidual(producer) && onlyReader(graph, readers, producer.output) === node)
      .sort((left, right) => positions.get(right.output)! - positions.get(left.output)!);
    const convolution = candidates[0];
    if (convolution === undefined) continue;
    const summand = node.inputs.find((input) => input !== convolution.output)!;
    const operation: Convolution = { ...(convolution.operation as Convolution), residual: true };
    // It stands where the Add stood: behind what makes the other summand.
    replaced.set(node, { ...convolution, operation, inputs: [convolution.inputs[0]!, summand], output: node.output });
    gone.add(convolution);
  }
  const nodes = graph.nodes.filter((node) => !gone.has(node)).map((node) => replaced.get(node) ?? node);
  return { graph: { ...graph, nodes }, changes: replaced.size };
}

function isPlainAdd({ operation, inputs }: GraphNode): boolean {
  const plain = operation.type === 'Binary' && operation.operator === 'Add' && operation.activation === undefined;
  return plain && inputs[0] !== inputs[1];
}

function takesResidual({ operation }: GraphNode): boolean {
  return operation.type === 'Conv' && !operation.residual && operation.activation === undefined;
}
