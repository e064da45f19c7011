import type { GraphIndex } from './onnx/graph.js';
import { weightBehind } from './onnx/graph.js';
import type { OnnxNode, OnnxTensor } from './onnx/model.js';
import { dataTypes } from './onnx/model.js';

/**
 * Fraction of zeros, 0 to 1, among the weights of the convolutions and matrix products of `nodes`. Biases do not count, a weight that
 * is used twice counts once, weights that are no floating point numbers are left out. 0 when there are no weights.
 */
export function weightSparsity(index: GraphIndex, nodes: Iterable<OnnxNode>): number {
  const weights = new Set<OnnxTensor>();
  for (const node of nodes) {
    for (const input of weightInputs(node)) {
      const weight = weightBehind(index, input);
      if (weight !== undefined) weights.add(weight);
    }
  }
  let zeros = 0;
  let total = 0;
  for (const weight of weights) {
    const counted = countZeros(weight);
    zeros += counted.zeros;
    total += counted.total;
  }
  return total === 0 ? 0 : zeros / total;
}

function weightInputs(node: OnnxNode): readonly string[] {
  switch (node.opType) {
    case 'Conv':
    case 'ConvTranspose':
      return node.inputs.slice(1, 2);
    case 'Gemm':
    case 'MatMul':
      return node.inputs.slice(0, 2);
    default:
      return [];
  }
}

interface ZeroCount {
  readonly zeros: number;
  readonly total: number;
}

/** Zeros of either sign among a tensor's values; total 0 for types other than float, float16 and double, and for values that are not here. */
export function countZeros(tensor: OnnxTensor): ZeroCount {
  switch (tensor.dataType) {
    case dataTypes.float:
      return tensor.raw ? countInBytes(tensor.raw, Float32Array) : countInList(tensor.floats);
    case dataTypes.double:
      return tensor.raw ? countInBytes(tensor.raw, Float64Array) : countInList(tensor.doubles);
    case dataTypes.float16: {
      const bits = tensor.raw ? alignedView(tensor.raw, Uint16Array) : tensor.int32s;
      return countInList(bits, 0x7fff);
    }
    default:
      return { zeros: 0, total: 0 };
  }
}

type View<T> = { new (buffer: ArrayBuffer): T; readonly BYTES_PER_ELEMENT: number };

function countInBytes(bytes: Uint8Array, View: View<Float32Array | Float64Array>): ZeroCount {
  return countInList(alignedView(bytes, View));
}

/** Raw data may start at any byte of the file: typed arrays want a multiple of their element, so it is copied. */
function alignedView<T>(bytes: Uint8Array, View: View<T>): T {
  return new View(new Uint8Array(bytes).buffer);
}

/** With `mask`, the values are bit patterns of which those bits must be zero. */
function countInList(values: ArrayLike<number>, mask?: number): ZeroCount {
  let zeros = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if ((mask === undefined ? value : value & mask) === 0) zeros++;
  }
  return { zeros, total: values.length };
}
