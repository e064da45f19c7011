import { EngineError } from '../backbone.js';
import type { GraphIndex } from '../onnx/graph.js';
import { requirementsOf } from '../onnx/graph.js';
import type { OnnxNode } from '../onnx/model.js';
import { quote } from '../text.js';
import { nodeLabel } from './refusal.js';

/**
 * The nodes that `tensor` needs, each behind those that it reads.
 *
 * @throws EngineError model_unreadable when a tensor is made twice, is made by nobody, or needs itself.
 */
export function sortNodes(index: GraphIndex, tensor: string, file: string): OnnxNode[] {
  checkSingleProducers(index, file);
  const needed = requirementsOf(index, tensor).nodes;
  const given = new Set([...index.initializers.keys(), ...index.graph.inputs.map((input) => input.name)]);
  const sorted = new Set<OnnxNode>();
  // A file in order, as the format demands, stays as it is: each node then finds its producers sorted already.
  for (const node of index.graph.nodes) {
    if (needed.has(node)) addWithProducers(node, sorted, given, index, file);
  }
  return [...sorted];
}

/** Depth first without recursion, since a hostile file may be one long chain in reverse order. */
function addWithProducers(
  last: OnnxNode,
  sorted: Set<OnnxNode>,
  given: ReadonlySet<string>,
  index: GraphIndex,
  file: string,
): void {
  const path: { node: OnnxNode; next: number }[] = [{ node: last, next: 0 }];
  const open = new Set([last]);
  while (path.length > 0) {
    const step = path[path.length - 1]!;
    if (step.next === step.node.inputs.length || sorted.has(step.node)) {
      sorted.add(step.node);
      open.delete(step.node);
      path.pop();
      continue;
    }
    const input = step.node.inputs[step.next++]!;
    if (input === '' || given.has(input)) continue;
    const producer = index.producers.get(input);
    if (producer === undefined) {
      throw unreadable(file, `the node ${describe(step.node)} reads ${quote(input)}, which nothing in the file makes`);
    }
    if (open.has(producer)) throw unreadable(file, `the node ${describe(producer)} needs its own result`);
    if (sorted.has(producer)) continue;
    open.add(producer);
    path.push({ node: producer, next: 0 });
  }
}

function checkSingleProducers({ graph, initializers }: GraphIndex, file: string): void {
  const made = new Set([...initializers.keys(), ...graph.inputs.map((input) => input.name)]);
  for (const node of graph.nodes) {
    for (const output of node.outputs) {
      if (output === '') continue;
      if (made.has(output)) {
        throw unreadable(file, `the node ${describe(node)} makes ${quote(output)}, which exists already`);
      }
      made.add(output);
    }
  }
  const named = new Set<string>();
  for (const { name } of graph.initializers) {
    if (named.has(name)) throw unreadable(file, `two initialisers have the name ${quote(name)}`);
    named.add(name);
  }
}

function describe(node: OnnxNode): string {
  return `${quote(nodeLabel(node))} (${node.opType.slice(0, 40)})`;
}

function unreadable(file: string, what: string): EngineError {
  return new EngineError('model_unreadable', `${file}: ${what}; the file is damaged, export it anew`);
}
