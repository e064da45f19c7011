import { applyActivation } from '../activation.js';
import { applyBinary } from '../binary.js';
import { channelsOf } from '../shape.js';
import type { ActivationFunction, Convolution, Graph, GraphNode, Linear } from '../types.js';
import { couplingOf } from './channel-classes.js';

/** For each channel of a tensor: the one value that it always has everywhere, or NaN when it varies. */
export type ChannelConstants = Float64Array;

/**
 * Follows filters that are all zero through the graph: behind one, a channel is the bias everywhere, then what activation, pooling,
 * arithmetic and later filters make of that.
 */
export function findConstantChannels(graph: Graph): Map<string, ChannelConstants> {
  const constants = new Map([[graph.input.name, unknown(channelsOf(graph.input.shape))]]);
  const shapes = new Map([[graph.input.name, graph.input.shape]]);
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((input) => constants.get(input)!);
    const inputShapes = node.inputs.map((input) => shapes.get(input)!);
    const follows = couplingOf(node, inputShapes).kind !== 'fixed';
    const found = follows ? constantsOf(node, inputs) : unknown(channelsOf(node.shape));
    constants.set(node.output, found.map(finite));
    shapes.set(node.output, node.shape);
  }
  return constants;
}

function unknown(channels: number): ChannelConstants {
  return new Float64Array(channels).fill(Number.NaN);
}

/** Infinity times a zero weight is no zero: such channels stay. */
function finite(value: number): number {
  return Number.isFinite(value) ? value : Number.NaN;
}

function constantsOf({ operation, shape }: GraphNode, inputs: readonly ChannelConstants[]): ChannelConstants {
  const input = inputs[0]!;
  switch (operation.type) {
    case 'Conv':
    case 'Linear':
      return activated(constantFilters(operation, input), operation.activation);
    case 'ScaleShift': {
      const values = input.map((value, channel) => {
        const scale = operation.scale[channel]!;
        return (scale === 0 ? 0 : value * scale) + operation.shift[channel]!;
      });
      return activated(values, operation.activation);
    }
    case 'Activation':
      return activated(input, operation.activation);
    case 'Binary': {
      const values = input.map((value, channel) => applyBinary(operation.operator, value, inputs[1]![channel]!));
      return activated(values, operation.activation);
    }
    case 'Concat':
      return Float64Array.from(inputs.flatMap((part) => Array.from(part)));
    case 'AveragePool': {
      const mixesZeros = operation.countPadding && operation.pads.some((length) => length > 0);
      return mixesZeros ? input.map(onlyIf(0)) : input;
    }
    case 'Pad':
      return input.map(onlyIf(operation.value));
    case 'Reshape': {
      const factor = channelsOf(shape) / input.length;
      return Float64Array.from({ length: channelsOf(shape) }, (_, channel) => input[Math.floor(channel / factor)]!);
    }
    case 'MaxPool':
    case 'GlobalAveragePool':
    case 'Resize':
    case 'Slice':
      return input;
    case 'Softmax':
    case 'Transpose':
    case 'Identity':
      return unknown(channelsOf(shape));
  }
}

function onlyIf(constant: number): (value: number) => number {
  return (value) => (value === constant ? value : Number.NaN);
}

function activated(values: ChannelConstants, activation: ActivationFunction | undefined): ChannelConstants {
  return activation === undefined ? values : values.map((value) => applyActivation(activation, value));
}

/** Without its activation. A filter is constant when each weight is zero or meets a channel that it can absorb. */
function constantFilters(operation: Convolution | Linear, input: ChannelConstants): ChannelConstants {
  return Float64Array.from(operation.bias, (bias, filter) => {
    let value = bias;
    forEachInput(operation, filter, (channel, sum) => {
      value += absorbed(operation, sum, input[channel]!);
      return !Number.isNaN(value);
    });
    return value;
  });
}

/**
 * What a channel of the constant `value` adds to a filter's every result, NaN when that is not one number: padding is zero, so that a
 * constant other than zero shows its border.
 *
 * @param sum of the filter's weights for that channel
 */
export function absorbed(operation: Convolution | Linear, sum: number, value: number): number {
  if (value === 0) return 0;
  const padded = operation.type === 'Conv' && operation.pads.some((length) => length > 0);
  return padded ? Number.NaN : value * sum;
}

/**
 * Calls `visit` for each input channel that a filter has weights other than zero for, with their sum, until it returns false.
 *
 * @param skip by channel: those with a 1 are not looked at
 */
export function forEachInput(
  { weights, weightShape, ...operation }: Convolution | Linear,
  filter: number,
  visit: (channel: number, sum: number) => boolean,
  skip?: Uint8Array,
): void {
  const [filters, inputs] = weightShape;
  const group = operation.type === 'Conv' ? operation.group : 1;
  const each = weights.length / (filters * inputs);
  const first = Math.floor(filter / (filters / group)) * inputs;
  let at = filter * inputs * each;
  for (let input = 0; input < inputs; input++) {
    if (skip !== undefined && skip[first + input] === 1) {
      at += each;
      continue;
    }
    let sum = 0;
    let allZero = true;
    for (const end = at + each; at < end; at++) {
      const weight = weights[at]!;
      if (weight === 0) continue;
      sum += weight;
      allZero = false;
    }
    if (!allZero && visit(first + input, sum) === false) return;
  }
}
