import { quote } from '../text.js';
import type { OnnxTensor } from './model.js';
import { dataTypes, elementCount } from './model.js';

/** A SparseTensorProto: `values` [count], and `indices` [count] (row-major positions) or [count, rank]. */
export interface SparseTensor {
  readonly values: OnnxTensor;
  readonly indices: OnnxTensor;
  readonly dims: readonly number[];
}

/** Dense values for each stored one (99.6 % zeros), at most: what is allocated stays in proportion to the file. */
const mostExpansion = 256;

/** The same tensor with its zeros, or what is wrong with it. Only float values and int64 indices are read. */
export function expandSparse({ values, indices, dims }: SparseTensor): OnnxTensor | string {
  const name = `the sparse tensor ${quote(values.name)}`;
  if (values.external || indices.external) return `${name} lies in another file, which is read for dense tensors only`;
  const count = values.dims[0] ?? 0;
  const length = elementCount(dims);
  if (dims.some((side) => side < 0) || !(length <= mostExpansion * (count + 1))) {
    return `${name} has the shape [${dims.slice(0, 8).join(', ')}], too large for ${count} values`;
  }
  const perValue = indices.dims.length === 2 ? dims.length : 1;
  if (values.dataType !== dataTypes.float || indices.dataType !== dataTypes.int64) {
    return `${name} holds other than floats at int64 positions`;
  }
  if (values.dims.length !== 1 || elementCount(indices.dims) !== count * perValue) {
    return `${name} has ${count} values and ${elementCount(indices.dims)} positions`;
  }
  const dense = new Float32Array(length);
  const stored = values.raw ? new Float32Array(new Uint8Array(values.raw).buffer) : values.floats;
  const positions = indices.raw
    ? Array.from(new BigInt64Array(new Uint8Array(indices.raw).buffer), Number)
    : indices.int64s;
  for (let value = 0; value < count; value++) {
    let position = 0;
    for (let axis = 0; axis < perValue; axis++) {
      const index = positions[value * perValue + axis]!;
      const side = perValue === 1 ? length : dims[axis]!;
      if (!(index >= 0 && index < side)) return `${name} has a value at ${index}, outside of its shape`;
      position = position * side + index;
    }
    dense[position] = stored[value]!;
  }
  return {
    name: values.name,
    dataType: dataTypes.float,
    dims,
    raw: new Uint8Array(dense.buffer),
    floats: [],
    doubles: [],
    int32s: [],
    int64s: [],
  };
}
