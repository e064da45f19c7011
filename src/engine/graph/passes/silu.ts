import { readersOf } from '../edges.js';
import type { Graph, GraphNode } from '../types.js';
import type { PassResult } from './pass.js';

/** Mul(x, Sigmoid(x)) is SiLU, and Mul(x, HardSigmoid(x)) with 1/6 and 1/2 is HardSwish: exporters write them as two nodes. */
export function recogniseSilu(graph: Graph): PassResult {
  const producers = new Map(graph.nodes.map((node) => [node.output, node]));
  const readers = readersOf(graph);
  const gone = new Set<GraphNode>();
  const replaced = new Map<GraphNode, GraphNode>();
  for (const node of graph.nodes) {
    const { operation, inputs } = node;
    if (operation.type !== 'Binary' || operation.operator !== 'Mul') continue;
    for (const position of [0, 1]) {
      const [x, gated] = [inputs[position]!, inputs[1 - position]!];
      const gate = producers.get(gated);
      const kind = gate === undefined ? undefined : gatedKind(gate);
      if (gate === undefined || kind === undefined || gate.inputs[0] !== x) continue;
      replaced.set(node, { ...node, operation: { type: 'Activation', activation: { kind } }, inputs: [x] });
      if (readers.get(gate.output)!.length === 1 && gate.output !== graph.output) gone.add(gate);
      break;
    }
  }
  const nodes = graph.nodes.filter((node) => !gone.has(node)).map((node) => replaced.get(node) ?? node);
  return { graph: { ...graph, nodes }, changes: replaced.size };
}

function gatedKind({ operation }: GraphNode): 'silu' | 'hardSwish' | undefined {
  if (operation.type !== 'Activation') return undefined;
  const { activation } = operation;
  if (activation.kind === 'sigmoid') return 'silu';
  const sixth = 1e-6;
  return activation.kind === 'hardSigmoid' && Math.abs(activation.alpha - 1 / 6) < sixth && activation.beta === 0.5
    ? 'hardSwish'
    : undefined;
}
