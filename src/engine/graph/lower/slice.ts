import { refuse } from '../refusal.js';
import { resolveAxis } from '../shape.js';
import type { Dimension, Shape } from '../types.js';
import type { Lowered, NodeSource } from './source.js';

/** One axis of a slice with the ends resolved: `length` values from `start` on, `step` apart. */
export interface AxisSlice {
  readonly axis: number;
  readonly start: number;
  readonly step: number;
  readonly length: number;
}

/** Starts, ends, axes and steps are attributes up to opset 9, inputs since. */
export function lowerSlice(source: NodeSource): Lowered[] {
  const input = source.activation(0);
  const parts = readSlice(source, input.shape);
  return [select(source, parts)];
}

/** @throws Refusal for slices of the batch, and backward ones but where they are `reversible`. */
export function readSlice(source: NodeSource, shape: Shape, reversible = false): AxisSlice[] {
  const starts = source.integersOrAttribute(1, 'starts') ?? refuse('no starts');
  const ends = source.integersOrAttribute(2, 'ends') ?? refuse('no ends');
  const axes = source.integersOrAttribute(3, 'axes') ?? starts.map((_, index) => index);
  const steps = source.integers(4) ?? starts.map(() => 1);
  if (ends.length !== starts.length || axes.length !== starts.length || steps.length !== starts.length) {
    refuse('starts, ends, axes and steps of different lengths');
  }
  return axes.flatMap((given, index) => {
    const axis = resolveAxis(given, shape.length);
    const length = shape[axis]!;
    if (reversible && steps[index]! < 0 && typeof length === 'number') {
      return [backward(length, axis, starts[index]!, ends[index]!, steps[index]!)];
    }
    return axisSlice(length, axis, starts[index]!, ends[index]!, steps[index]!);
  });
}

function axisSlice(length: Dimension, axis: number, from: number, to: number, step: number): AxisSlice[] {
  if (!(Number.isInteger(step) && step >= 1)) return refuse(`a step of ${step}`);
  if (length === 'N') return from === 0 && to >= 2 ** 31 - 1 && step === 1 ? [] : refuse('a slice of the batch');
  const within = (index: number) => Math.min(length, Math.max(0, index < 0 ? index + length : index));
  const start = within(from);
  return [{ axis, start, step, length: Math.max(0, Math.ceil((within(to) - start) / step)) }];
}

/** As exporters reverse lists of pads: ends below the first index mean "through the first". */
function backward(length: number, axis: number, from: number, to: number, step: number): AxisSlice {
  if (!Number.isInteger(step)) refuse(`a step of ${step}`);
  const start = Math.min(length - 1, from < 0 ? from + length : from);
  const end = Math.max(-1, to < 0 ? to + length : to);
  return {
    axis,
    start: Math.max(0, start),
    step,
    length: start < 0 ? 0 : Math.max(0, Math.ceil((end - start) / step)),
  };
}

/** Lengths are an attribute up to opset 12, an input since; without them the parts are equal. */
export function lowerSplit(source: NodeSource): Lowered[] {
  const { shape } = source.activation(0);
  const axis = resolveAxis(source.attributes.integer('axis', 0), shape.length);
  const length = shape[axis]!;
  if (length === 'N' || axis === 0) return refuse('a split of the batch');
  const parts = source.attributes.integer('num_outputs', source.node.outputs.length);
  if (parts !== source.node.outputs.length) refuse(`num_outputs ${parts} with ${source.node.outputs.length} outputs`);
  const even = Math.ceil(length / parts);
  const lengths =
    source.integersOrAttribute(1, 'split') ??
    source.node.outputs.map((_, index) => Math.min(even, length - index * even));
  const sum = lengths.reduce((total, part) => total + part, 0);
  if (lengths.length !== parts || sum !== length || lengths.some((part) => part < 1)) {
    refuse(`parts [${lengths.slice(0, 8).join(', ')}] of ${length}`);
  }
  let start = 0;
  return lengths.map((part) => {
    const lowered = select(source, [{ axis, start, step: 1, length: part }]);
    start += part;
    return lowered;
  });
}

function select(source: NodeSource, parts: readonly AxisSlice[]): Lowered {
  const input = source.activation(0);
  const at = (axis: number) => parts.find((part) => part.axis === axis);
  const shape = input.shape.map((length, axis) => at(axis)?.length ?? length);
  const starts = shape.map((_, axis) => at(axis)?.start ?? 0);
  const steps = shape.map((_, axis) => at(axis)?.step ?? 1);
  return { operation: { type: 'Slice', starts, steps }, inputs: [input], shape };
}
