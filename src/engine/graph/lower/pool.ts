import { refuse } from '../refusal.js';
import { imageSize, resolveAxis } from '../shape.js';
import type { Lowered, NodeSource } from './source.js';
import { readWindow } from './window.js';

export function lowerMaxPool(source: NodeSource): Lowered[] {
  if (!source.readsOnlyFirstOutput) refuse('its second output, the indices');
  source.attributes.ignore('storage_order');
  return lowerPool(source, 'MaxPool', false);
}

export function lowerAveragePool(source: NodeSource): Lowered[] {
  return lowerPool(source, 'AveragePool', source.attributes.integer('count_include_pad', 0) !== 0);
}

function lowerPool(source: NodeSource, type: 'MaxPool' | 'AveragePool', countPadding: boolean): Lowered[] {
  const input = source.activation(0);
  const [channels, height, width] = imageSize(input.shape);
  const kernel = source.attributes.integers('kernel_shape') ?? [];
  if (kernel.length !== 2) refuse(`kernel_shape of ${kernel.length} numbers`);
  const { output, ...window } = readWindow(source, [kernel[0]!, kernel[1]!], [height, width]);
  const { pads, dilations } = window;
  // A window that sees nothing but padding has no maximum and no mean.
  const extents = window.kernel.map((length, axis) => dilations[axis]! * (length - 1) + 1);
  if (pads.some((length, side) => length >= extents[side % 2]!)) refuse('padding as wide as the window');
  if (dilations.some((step) => step > 1) && pads.some((length) => length > 0)) refuse('dilations with padding');
  return [
    {
      operation: { type, countPadding, ...window },
      inputs: [input],
      shape: [input.shape[0]!, channels, ...output],
    },
  ];
}

export function lowerGlobalAveragePool(source: NodeSource): Lowered[] {
  const input = source.activation(0);
  const [channels] = imageSize(input.shape);
  return [{ operation: { type: 'GlobalAveragePool' }, inputs: [input], shape: [input.shape[0]!, channels, 1, 1] }];
}

/** ReduceMean over height and width: a global average pool under one or the other shape. */
export function lowerReduceMean(source: NodeSource): Lowered[] {
  const input = source.activation(0);
  const [channels] = imageSize(input.shape);
  const axes = source.integersOrAttribute(1, 'axes') ?? [];
  const resolved = axes.map((axis) => resolveAxis(axis, 4)).sort();
  source.attributes.ignore('noop_with_empty_axes');
  if (resolved.join() !== '2,3') refuse(`axes [${axes.join(', ')}]: only the mean over height and width is read`);
  const keep = source.attributes.integer('keepdims', 1) !== 0;
  const shape = keep ? [input.shape[0]!, channels, 1, 1] : [input.shape[0]!, channels];
  return [{ operation: { type: 'GlobalAveragePool' }, inputs: [input], shape }];
}
