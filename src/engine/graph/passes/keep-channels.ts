import { channelsOf } from '../shape.js';
import type { Convolution, Graph, GraphNode, Linear, Operation, Shape } from '../types.js';
import type { ChannelConstants } from './constant-channels.js';
import { absorbed, forEachInput } from './constant-channels.js';
import type { PassResult } from './pass.js';

/**
 * The graph with only the channels that `kept` lists (indices in order) of each tensor. A removed channel's constant goes into the biases
 * of those that read it. Nodes without a channel left go; a Concat with one input left is an Identity.
 */
export function keepChannels(
  graph: Graph,
  kept: (tensor: string) => readonly number[],
  constants: ReadonlyMap<string, ChannelConstants>,
): PassResult {
  const nodes: GraphNode[] = [];
  let changes = 0;
  for (const node of graph.nodes) {
    const outputs = kept(node.output);
    const removed = channelsOf(node.shape) - outputs.length;
    if (node.operation.type === 'Conv') changes += removed;
    if (outputs.length === 0) {
      // Nothing was removed where axis 1 is missing or the batch.
      if (channelsOf(node.shape) === 0) nodes.push(node);
      continue;
    }
    const inputs = node.inputs.filter((input) => node.operation.type !== 'Concat' || kept(input).length > 0);
    const firstInput = node.inputs[0]!;
    const operation: Operation =
      node.operation.type === 'Concat' && inputs.length === 1
        ? { type: 'Identity' }
        : keepInOperation(node.operation, kept(firstInput), outputs, constants.get(firstInput)!);
    nodes.push({ ...node, operation, inputs, shape: withChannels(node.shape, outputs.length) });
  }
  return { graph: { ...graph, nodes }, changes };
}

function withChannels(shape: Shape, channels: number): Shape {
  return shape.map((length, axis) => (axis === 1 ? channels : length));
}

function keepInOperation(
  operation: Operation,
  inputs: readonly number[],
  outputs: readonly number[],
  constants: ChannelConstants,
): Operation {
  switch (operation.type) {
    case 'Conv':
      return operation.group === 1
        ? {
            ...operation,
            ...keepInWeights(operation, inputs, outputs, constants),
            weightShape: conv(operation, inputs.length, outputs.length),
          }
        : keepGroups(operation, inputs, outputs);
    case 'Linear':
      return {
        ...operation,
        ...keepInWeights(operation, inputs, outputs, constants),
        weightShape: [outputs.length, inputs.length],
      };
    case 'ScaleShift':
      return { ...operation, scale: pick(operation.scale, outputs), shift: pick(operation.shift, outputs) };
    default:
      return operation;
  }
}

function conv({ weightShape }: Convolution, inputs: number, outputs: number): Convolution['weightShape'] {
  return [outputs, inputs, weightShape[2], weightShape[3]];
}

function pick(values: Float32Array, indices: readonly number[]): Float32Array {
  return Float32Array.from(indices, (index) => values[index]!);
}

function keepInWeights(
  operation: Convolution | Linear,
  inputs: readonly number[],
  outputs: readonly number[],
  constants: ChannelConstants,
): { weights: Float32Array; bias: Float32Array } {
  const [filters, channels] = operation.weightShape;
  // Most layers of most models: large ones are not copied for nothing.
  if (inputs.length === channels && outputs.length === filters) {
    return { weights: operation.weights, bias: operation.bias };
  }
  const each = operation.weights.length / (filters * channels);
  const stays = new Uint8Array(channels);
  for (const channel of inputs) stays[channel] = 1;
  const weights = new Float32Array(outputs.length * inputs.length * each);
  const bias = Float32Array.from(outputs, (filter) => {
    let value = operation.bias[filter]!;
    forEachInput(operation, filter, (channel, sum) => {
      if (stays[channel] === 0) value += absorbed(operation, sum, constants[channel]!);
      return true;
    });
    return value;
  });
  let at = 0;
  for (const filter of outputs) {
    for (const channel of inputs) {
      const from = (filter * channels + channel) * each;
      for (let k = 0; k < each; k++) weights[at++] = operation.weights[from + k]!;
    }
  }
  return { weights, bias };
}

/** Whole groups stay or go, so that the weights of a filter stay as they are. */
function keepGroups(operation: Convolution, inputs: readonly number[], outputs: readonly number[]): Convolution {
  const perGroup = operation.weightShape[1];
  const each = operation.weights.length / operation.weightShape[0];
  const weights = new Float32Array(outputs.length * each);
  for (const [position, filter] of outputs.entries()) {
    weights.set(operation.weights.subarray(filter * each, (filter + 1) * each), position * each);
  }
  return {
    ...operation,
    weights,
    weightShape: conv(operation, perGroup, outputs.length),
    bias: pick(operation.bias, outputs),
    group: inputs.length / perGroup,
  };
}
