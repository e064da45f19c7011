import type { OnnxGraph, OnnxNode, OnnxTensor } from './model.js';

/** Who makes which tensor: what a walk through a graph needs. */
export interface GraphIndex {
  readonly graph: OnnxGraph;
  readonly producers: ReadonlyMap<string, OnnxNode>;
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
}

export function indexGraph(graph: OnnxGraph): GraphIndex {
  const producers = new Map<string, OnnxNode>();
  for (const node of graph.nodes) {
    for (const output of node.outputs) if (output !== '') producers.set(output, node);
  }
  return { graph, producers, initializers: new Map(graph.initializers.map((tensor) => [tensor.name, tensor])) };
}

/** Inputs that a caller has to feed: those that are no initialisers. */
export function fedInputs(index: GraphIndex): OnnxGraph['inputs'] {
  return index.graph.inputs.filter((input) => !index.initializers.has(input.name));
}

/** What is needed to compute one tensor. */
export interface Requirements {
  readonly nodes: ReadonlySet<OnnxNode>;
  /** Every tensor name those nodes mention, the tensor itself included. */
  readonly tensors: ReadonlySet<string>;
}

/** Walks back from `tensor`. A cycle in a hostile file ends the walk, since each node is visited once. */
export function requirementsOf(index: GraphIndex, tensor: string): Requirements {
  const nodes = new Set<OnnxNode>();
  const tensors = new Set<string>();
  const waiting = [tensor];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (tensors.has(name)) continue;
    tensors.add(name);
    const node = index.producers.get(name);
    if (node === undefined || nodes.has(node)) continue;
    nodes.add(node);
    for (const input of namesRead(node)) waiting.push(input);
  }
  return { nodes, tensors };
}

/** A node's inputs and, since the bodies of If and Loop see the tensors around them, every name that those read. */
function* namesRead(node: OnnxNode): Generator<string> {
  yield* node.inputs;
  for (const attribute of node.attributes.values()) {
    for (const body of attribute.graphs ?? []) {
      for (const inner of body.nodes) yield* namesRead(inner);
      for (const output of body.outputs) yield output.name;
    }
  }
}

/** Operators that only rearrange or decorate a constant, so that what comes out is still a weight. */
const rearranging = new Set(['Identity', 'Transpose', 'Reshape', 'Cast', 'Squeeze', 'Unsqueeze', 'DequantizeLinear']);
const longestRearrangement = 8;

/** The weight behind a tensor: an initialiser or a Constant, possibly rearranged; undefined when it depends on the input. */
export function weightBehind(index: GraphIndex, tensor: string): OnnxTensor | undefined {
  let name = tensor;
  for (let step = 0; step < longestRearrangement; step++) {
    const initializer = index.initializers.get(name);
    if (initializer !== undefined) return initializer;
    const node = index.producers.get(name);
    if (node?.opType === 'Constant') return node.attributes.get('value')?.tensors?.[0];
    if (node === undefined || !rearranging.has(node.opType)) return undefined;
    name = node.inputs[0] ?? '';
  }
  return undefined;
}
