import { applyActivation } from '../../src/engine/graph/activation.js';
import type {
  ActivationFunction,
  Convolution,
  Graph,
  GraphNode,
  Linear,
  Pool,
  ScaleShift,
  Shape,
} from '../../src/engine/graph/types.js';
import { relativeDifference } from '../../src/engine/statistics.js';

// The typed graph as plain loops: what each operation means, to hold passes (and later kernels) against.

export interface Tensor {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** Runs a graph on images [batch, channels, height, width]; returns its output. */
export function interpretGraph(graph: Graph, input: Tensor): Tensor {
  const tensors = new Map([[graph.input.name, input]]);
  const lastReader = new Map(graph.nodes.flatMap((node) => node.inputs.map((name) => [name, node] as const)));
  const batch = input.dims[0]!;
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => tensors.get(name)!);
    const dims = resolve(node.shape, batch);
    tensors.set(node.output, { dims, data: interpretNode(node, inputs, dims) });
    for (const name of node.inputs) if (lastReader.get(name) === node && name !== graph.output) tensors.delete(name);
  }
  return tensors.get(graph.output)!;
}

/** Largest difference over the largest reference value. */
export function relativeError(actual: Tensor, expected: { data: ArrayLike<number> }): number {
  return relativeDifference(actual.data, expected.data);
}

function resolve(shape: Shape, batch: number): number[] {
  return shape.map((length) => (length === 'N' ? batch : length));
}

function interpretNode({ operation }: GraphNode, inputs: readonly Tensor[], dims: readonly number[]): Float32Array {
  const [first, second] = inputs as [Tensor, Tensor];
  const result = new Float32Array(dims.reduce((product, length) => product * length, 1));
  switch (operation.type) {
    case 'Conv':
      return convolve(operation, first, operation.residual ? second : undefined, dims, result);
    case 'Linear':
      return multiply(operation, first, result);
    case 'ScaleShift':
      return scaleShift(operation, first, result);
    case 'Activation':
      return first.data.map((value) => applyActivation(operation.activation, value));
    case 'Binary':
      return fill(result, dims, (index) => {
        const [left, right] = [at(first, index), at(second, index)];
        const value = { Add: left + right, Sub: left - right, Mul: left * right, Div: left / right }[
          operation.operator
        ];
        return activate(operation.activation, value);
      });
    case 'MaxPool':
    case 'AveragePool':
      return pool(operation, first, dims, result);
    case 'GlobalAveragePool': {
      const area = first.dims[2]! * first.dims[3]!;
      return result.map((_, channel) => sum(first.data.subarray(channel * area, (channel + 1) * area)) / area);
    }
    case 'Concat':
      return fill(result, dims, (index) => {
        let position = index[operation.axis]!;
        for (const part of inputs) {
          const length = part.dims[operation.axis]!;
          if (position < length) return at(part, index.with(operation.axis, position));
          position -= length;
        }
        throw new Error('outside of the concatenation');
      });
    case 'Softmax':
      return softmax(first, operation.axis, dims, result);
    case 'Resize': {
      const [down, across] = operation.factors;
      return fill(result, dims, ([n, c, y, x]) => at(first, [n!, c!, Math.floor(y! / down), Math.floor(x! / across)]));
    }
    case 'Pad': {
      const [top, left] = operation.pads;
      return fill(result, dims, ([n, c, y, x]) => {
        const [row, column] = [y! - top, x! - left];
        const inside = row >= 0 && column >= 0 && row < first.dims[2]! && column < first.dims[3]!;
        return inside ? at(first, [n!, c!, row, column]) : operation.value;
      });
    }
    case 'Transpose':
      return fill(result, dims, (index) => {
        const from = index.slice();
        for (const [axis, origin] of operation.permutation.entries()) from[origin] = index[axis]!;
        return at(first, from);
      });
    case 'Slice':
      return fill(result, dims, (index) =>
        at(
          first,
          index.map((position, axis) => operation.starts[axis]! + position * operation.steps[axis]!),
        ),
      );
    case 'Reshape':
    case 'Identity':
      return first.data;
  }
}

function activate(activation: ActivationFunction | undefined, value: number): number {
  return activation === undefined ? value : applyActivation(activation, value);
}

/** Zero weights are skipped, so that pruned models take no more time than they must. */
function convolve(
  operation: Convolution,
  input: Tensor,
  residual: Tensor | undefined,
  dims: readonly number[],
  result: Float32Array,
): Float32Array {
  const [filters, perGroup, kernelHeight, kernelWidth] = operation.weightShape;
  const [, channels, height, width] = input.dims as [number, number, number, number];
  const [batch, , outHeight, outWidth] = dims as [number, number, number, number];
  const { strides, dilations, pads } = operation;
  const area = outHeight * outWidth;
  const sums = new Float64Array(area);
  for (let n = 0; n < batch; n++) {
    for (let filter = 0; filter < filters; filter++) {
      sums.fill(operation.bias[filter]!);
      const firstChannel = Math.floor(filter / (filters / operation.group)) * perGroup;
      for (let tap = 0; tap < perGroup * kernelHeight * kernelWidth; tap++) {
        const weight = operation.weights[filter * perGroup * kernelHeight * kernelWidth + tap]!;
        if (weight === 0) continue;
        const channel = firstChannel + Math.floor(tap / (kernelHeight * kernelWidth));
        const down = (Math.floor(tap / kernelWidth) % kernelHeight) * dilations[0] - pads[0];
        const across = (tap % kernelWidth) * dilations[1] - pads[1];
        const plane = (n * channels + channel) * height * width;
        for (let y = 0; y < outHeight; y++) {
          const row = y * strides[0] + down;
          if (row < 0 || row >= height) continue;
          for (let x = 0, column = across; x < outWidth; x++, column += strides[1]) {
            if (column < 0 || column >= width) continue;
            sums[y * outWidth + x]! += weight * input.data[plane + row * width + column]!;
          }
        }
      }
      const start = (n * filters + filter) * area;
      for (let at = 0; at < area; at++) {
        result[start + at] = activate(operation.activation, sums[at]! + (residual?.data[start + at] ?? 0));
      }
    }
  }
  return result;
}

function multiply({ weights, weightShape, bias, activation }: Linear, input: Tensor, result: Float32Array) {
  const [outputs, inputs] = weightShape;
  return result.map((_, position) => {
    const [n, output] = [Math.floor(position / outputs), position % outputs];
    let value = bias[output]!;
    for (let i = 0; i < inputs; i++) value += weights[output * inputs + i]! * input.data[n * inputs + i]!;
    return activate(activation, value);
  });
}

function scaleShift({ scale, shift, activation }: ScaleShift, input: Tensor, result: Float32Array): Float32Array {
  const area = input.dims.slice(2).reduce((product, length) => product * length, 1);
  return result.map((_, position) => {
    const channel = Math.floor(position / area) % scale.length;
    return activate(activation, input.data[position]! * scale[channel]! + shift[channel]!);
  });
}

function pool(
  { type, kernel, strides, dilations, pads, countPadding }: Pool,
  input: Tensor,
  dims: readonly number[],
  result: Float32Array,
) {
  const [, , height, width] = input.dims as [number, number, number, number];
  return fill(result, dims, ([n, c, y, x]) => {
    let [largest, total, count] = [Number.NEGATIVE_INFINITY, 0, 0];
    for (let i = 0; i < kernel[0]; i++) {
      for (let j = 0; j < kernel[1]; j++) {
        const row = y! * strides[0] + i * dilations[0] - pads[0];
        const column = x! * strides[1] + j * dilations[1] - pads[1];
        const inside = row >= 0 && column >= 0 && row < height && column < width;
        if (inside || (countPadding && row < height + pads[2] && column < width + pads[3])) count++;
        if (!inside) continue;
        const value = at(input, [n!, c!, row, column]);
        largest = Math.max(largest, value);
        total += value;
      }
    }
    return type === 'MaxPool' ? largest : total / count;
  });
}

function softmax(input: Tensor, axis: number, dims: readonly number[], result: Float32Array): Float32Array {
  return fill(result, dims, (index) => {
    const along = Array.from({ length: dims[axis]! }, (_, position) => at(input, index.with(axis, position)));
    const largest = Math.max(...along);
    return Math.exp(at(input, index) - largest) / along.reduce((total, value) => total + Math.exp(value - largest), 0);
  });
}

/** The value at an index; axes of length 1 are repeated, and axes missing in front. */
function at({ dims, data }: Tensor, index: readonly number[]): number {
  const skipped = index.length - dims.length;
  let position = 0;
  for (const [axis, length] of dims.entries())
    position = position * length + (length === 1 ? 0 : index[axis + skipped]!);
  return data[position]!;
}

function fill(result: Float32Array, dims: readonly number[], value: (index: number[]) => number): Float32Array {
  const index = dims.map(() => 0);
  for (let position = 0; position < result.length; position++) {
    result[position] = value(index);
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      if (index[axis]! < dims[axis]!) break;
      index[axis] = 0;
    }
  }
  return result;
}

function sum(values: Float32Array): number {
  return values.reduce((total, value) => total + value, 0);
}
