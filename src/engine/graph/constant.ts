import type { OnnxTensor } from '../onnx/model.js';
import { dataTypeName, dataTypes, elementCount } from '../onnx/model.js';
import { refuse } from './refusal.js';
import { checkRank } from './shape.js';
import type { Dimension } from './types.js';

/** Values that do not depend on the image. */
export type Constant = FloatConstant | IntegerConstant;

export interface FloatConstant {
  readonly kind: 'floats';
  readonly dims: readonly number[];
  readonly values: Float32Array;
}

/** Whole numbers and booleans: shapes, axes, indices. The batch's length stays a symbol. */
export interface IntegerConstant {
  readonly kind: 'integers';
  readonly dims: readonly number[];
  readonly values: readonly Dimension[];
}

/** Integer tensors describe shapes; longer ones are weights of quantised models, which the typed graph does not hold. */
const mostIntegers = 4096;

/**
 * Values of a tensor in the file. The reader has checked that there are as many as the shape says. FLOAT16 and DOUBLE become floats.
 *
 * @throws Refusal for types that the graph does not hold.
 */
export function readConstant(tensor: OnnxTensor): Constant {
  const dims = tensor.dims;
  checkRank(dims);
  if (tensor.external) refuse('its values lie in another file, which was not read');
  switch (tensor.dataType) {
    case dataTypes.float:
      return { kind: 'floats', dims, values: tensor.raw ? floatsIn(tensor.raw) : Float32Array.from(tensor.floats) };
    case dataTypes.double: {
      const values = tensor.raw ? new Float64Array(copied(tensor.raw)) : tensor.doubles;
      return { kind: 'floats', dims, values: Float32Array.from(values) };
    }
    case dataTypes.float16: {
      const bits = tensor.raw ? new Uint16Array(copied(tensor.raw)) : tensor.int32s;
      return { kind: 'floats', dims, values: Float32Array.from(bits, halfToFloat) };
    }
    default:
      return { kind: 'integers', dims, values: readIntegers(tensor) };
  }
}

function readIntegers(tensor: OnnxTensor): readonly number[] {
  const count = elementCount(tensor.dims);
  if (count > mostIntegers) refuse(`a constant of ${count} integers; ${mostIntegers} is the limit`);
  const raw = tensor.raw;
  switch (tensor.dataType) {
    case dataTypes.int64:
      return raw ? Array.from(new BigInt64Array(copied(raw)), Number) : tensor.int64s;
    case dataTypes.int32:
      return raw ? Array.from(new Int32Array(copied(raw))) : tensor.int32s;
    case dataTypes.int8:
      return raw ? Array.from(new Int8Array(copied(raw))) : tensor.int32s;
    case dataTypes.uint8:
    case dataTypes.bool:
      return raw ? Array.from(raw) : tensor.int32s;
    default:
      return refuse(`a constant of ${dataTypeName(tensor.dataType)}`);
  }
}

/** A view where the bytes lie at a multiple of four, else a copy. */
function floatsIn(bytes: Uint8Array): Float32Array {
  return bytes.byteOffset % 4 === 0
    ? new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
    : new Float32Array(copied(bytes));
}

function copied(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

/** IEEE 754 binary16. */
function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
