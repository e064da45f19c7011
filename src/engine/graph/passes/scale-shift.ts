import { onlyReader, readersOf } from '../edges.js';
import type { Convolution, Graph, GraphNode, Linear, ScaleShift } from '../types.js';
import type { PassResult } from './pass.js';

/*
 * Scale and shift of each channel (BatchNormalization, arithmetic with constants) move into weights and bias where that is exact:
 * back into the convolution, matrix product or scale+shift before it when nobody else reads that one's result, or forward into the only
 * reader. Forward, a shift is exact only without padding, since padding stays zero. In a pre-activation network the sums are read
 * twice and an activation follows, so there they stay.
 */

export function foldScaleShift(graph: Graph): PassResult {
  const back = foldBack(graph);
  const forward = foldForward(back.graph);
  return { graph: forward.graph, changes: back.changes + forward.changes };
}

function foldBack(graph: Graph): PassResult {
  const readers = readersOf(graph);
  const nodes = new Map<string, GraphNode>();
  let changes = 0;
  for (const node of graph.nodes) {
    const before = nodes.get(node.inputs[0] ?? '');
    const merged =
      node.operation.type === 'ScaleShift' && before !== undefined && onlyReader(graph, readers, before.output)
        ? behind(before.operation, node.operation)
        : undefined;
    if (merged === undefined || before === undefined) {
      nodes.set(node.output, node);
      continue;
    }
    nodes.delete(before.output);
    nodes.set(node.output, { ...before, operation: merged, output: node.output });
    changes++;
  }
  return { graph: { ...graph, nodes: [...nodes.values()] }, changes };
}

/** `operation` followed by a scale and shift, as one operation. */
function behind(operation: GraphNode['operation'], next: ScaleShift): Convolution | Linear | ScaleShift | undefined {
  switch (operation.type) {
    case 'ScaleShift': {
      if (operation.activation !== undefined) return undefined;
      const scale = operation.scale.map((value, channel) => value * next.scale[channel]!);
      const shift = operation.shift.map((value, channel) => value * next.scale[channel]! + next.shift[channel]!);
      return { ...next, scale, shift };
    }
    case 'Conv':
    case 'Linear': {
      if (operation.activation !== undefined || (operation.type === 'Conv' && operation.residual)) return undefined;
      const each = operation.weights.length / operation.bias.length;
      const weights = operation.weights.map((value, index) => value * next.scale[Math.floor(index / each)]!);
      const bias = operation.bias.map((value, filter) => value * next.scale[filter]! + next.shift[filter]!);
      return { ...operation, weights, bias };
    }
    default:
      return undefined;
  }
}

function foldForward(graph: Graph): PassResult {
  const readers = readersOf(graph);
  const replaced = new Map<string, GraphNode>();
  const nodes: GraphNode[] = [];
  for (const original of graph.nodes) {
    const node = replaced.get(original.output) ?? original;
    const reader = onlyReader(graph, readers, node.output);
    const merged =
      node.operation.type === 'ScaleShift' && node.operation.activation === undefined && reader !== undefined
        ? before(node.operation, reader.operation)
        : undefined;
    if (merged === undefined || reader === undefined) nodes.push(node);
    else replaced.set(reader.output, { ...reader, operation: merged, inputs: [node.inputs[0]!] });
  }
  return { graph: { ...graph, nodes }, changes: replaced.size };
}

/** A scale and shift followed by `operation`, as one operation. */
function before(first: ScaleShift, operation: GraphNode['operation']): Convolution | Linear | undefined {
  if (operation.type !== 'Conv' && operation.type !== 'Linear') return undefined;
  const padded = operation.type === 'Conv' && operation.pads.some((length) => length > 0);
  if (padded && first.shift.some((value) => value !== 0)) return undefined;
  const { weights, bias } = operation;
  const [filters, inputs] = operation.weightShape;
  const group = operation.type === 'Conv' ? operation.group : 1;
  const each = weights.length / (filters * inputs);
  const scaled = new Float32Array(weights.length);
  const shifted = bias.map((value, filter) => {
    const firstInput = Math.floor(filter / (filters / group)) * inputs;
    let sum = value;
    for (let input = 0; input < inputs; input++) {
      const channel = firstInput + input;
      for (let at = (filter * inputs + input) * each, end = at + each; at < end; at++) {
        scaled[at] = weights[at]! * first.scale[channel]!;
        sum += weights[at]! * first.shift[channel]!;
      }
    }
    return sum;
  });
  return { ...operation, weights: scaled, bias: shifted };
}
