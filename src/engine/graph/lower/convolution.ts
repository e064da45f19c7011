import { refuse } from '../refusal.js';
import { imageSize } from '../shape.js';
import type { Lowered, NodeSource } from './source.js';
import { readWindow } from './window.js';

/** Conv in two dimensions with constant weights. */
export function lowerConvolution(source: NodeSource): Lowered[] {
  const input = source.activation(0);
  const [channels, height, width] = imageSize(input.shape);
  const { dims, values } = source.floats(1) ?? refuse('input 1 is missing');
  const [filters, perGroup, kernelHeight, kernelWidth] = dims;
  if (dims.length !== 4)
    return refuse(`weights of ${dims.length} dimensions: only two-dimensional convolutions are read`);
  const group = source.attributes.integer('group', 1);
  if (!(group >= 1) || filters! % group !== 0 || perGroup! * group !== channels) {
    refuse(`weights [${dims.join(', ')}] in ${group} groups do not go with ${channels} channels`);
  }
  const declared = source.attributes.integers('kernel_shape');
  if (
    declared !== undefined &&
    (declared.length !== 2 || declared[0] !== kernelHeight || declared[1] !== kernelWidth)
  ) {
    refuse(`kernel_shape [${declared.slice(0, 4).join(', ')}] with weights [${dims.join(', ')}]`);
  }
  const window = readWindow(source, [kernelHeight!, kernelWidth!], [height, width]);
  return [
    {
      operation: {
        type: 'Conv',
        weights: values,
        weightShape: [filters!, perGroup!, kernelHeight!, kernelWidth!],
        bias: source.inputs[2] === undefined ? new Float32Array(filters!) : source.vector(2, filters!),
        strides: window.strides,
        dilations: window.dilations,
        pads: window.pads,
        group,
        residual: false,
        activation: undefined,
      },
      inputs: [input],
      shape: [input.shape[0]!, filters!, ...window.output],
    },
  ];
}
