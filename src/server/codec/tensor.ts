// The elements of one input tensor, from raw bytes or typed contents. Bytes may stay where they are, floats are copied.
import type { ModelInferRequest__Output } from '../../../protos/index.js';
import { StatusError } from '../errors.js';
import { type Datatype, showShape } from './model.js';

export type InputTensor = ModelInferRequest__Output['inputs'][number];
type Contents = NonNullable<InputTensor['contents']>;

/** Where elements come from: exactly one of the two. */
export interface TensorSource {
  readonly tensor: InputTensor;
  /** The entry of raw_input_contents; undefined: typed contents. */
  readonly raw: Buffer | undefined;
}

const FIELD = { BYTES: 'bytesContents', UINT8: 'uintContents', FP32: 'fp32Contents' } as const;
const FIELD_ON_THE_WIRE = { BYTES: 'bytes_contents', UINT8: 'uint_contents', FP32: 'fp32_contents' } as const;

export function invalid(tensor: string, message: string): StatusError {
  return new StatusError('tensor_invalid', `tensor "${tensor}": ${message}`);
}

/** Whether any typed field has elements. */
export function hasContents(contents: Contents | null): boolean {
  return contents !== null && Object.values(contents).some((field) => Array.isArray(field) && field.length > 0);
}

function typed<T extends Datatype>(source: TensorSource, datatype: T, count: number): Contents[(typeof FIELD)[T]] {
  const { name, contents, shape } = source.tensor;
  const elements = contents?.[FIELD[datatype]] ?? [];
  if (elements.length !== count) {
    const other = Object.entries(contents ?? {}).find(
      ([field, value]) => field !== FIELD[datatype] && value.length > 0,
    );
    const hint = elements.length === 0 && other !== undefined ? ` (${other[1].length} are in ${snake(other[0])})` : '';
    const want = `${count} elements in ${FIELD_ON_THE_WIRE[datatype]} for ${datatype} ${showShape(shape)}`;
    throw invalid(name, `expected ${want}, got ${elements.length}${hint}`);
  }
  return elements as Contents[(typeof FIELD)[T]];
}

const snake = (field: string) => field.replace('Contents', '_contents');

function rawOf(source: TensorSource, datatype: Datatype, elementBytes: number, count: number): Buffer {
  const raw = source.raw!;
  if (raw.length !== count * elementBytes) {
    const { name, shape } = source.tensor;
    const want = `${count * elementBytes} raw bytes for ${datatype} ${showShape(shape)}`;
    throw invalid(name, `expected ${want}, got ${raw.length}`);
  }
  return raw;
}

/**
 * FP32 elements, all finite.
 * @throws StatusError tensor_invalid for a wrong length, NaN or infinity.
 */
export function readFloats(source: TensorSource, count: number): Float32Array<ArrayBuffer> {
  let values: Float32Array<ArrayBuffer>;
  if (source.raw === undefined) values = Float32Array.from(typed(source, 'FP32', count));
  else {
    // A copy: raw bytes are a view into the message, rarely aligned, and the backbone may transfer what it gets.
    const raw = rawOf(source, 'FP32', 4, count);
    values = new Float32Array(count);
    new Uint8Array(values.buffer).set(raw);
  }
  for (let index = 0; index < count; index++) {
    const value = values[index]!;
    // Infinity - Infinity and NaN - NaN are both NaN.
    if (value - value !== 0) {
      const what = Number.isNaN(value) ? 'NaN' : value > 0 ? 'infinity' : '-infinity';
      throw invalid(source.tensor.name, `expected finite numbers, got ${what} at ${place(source.tensor.shape, index)}`);
    }
  }
  return values;
}

/** The flat index as one index a dimension. */
function place(shape: readonly number[], flat: number): string {
  const indexes: number[] = [];
  let rest = flat;
  for (const size of [...shape].reverse()) {
    indexes.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return showShape(indexes);
}

/**
 * UINT8 elements. Raw ones are a view into the message, not a copy: so large a buffer for each image would make the garbage
 * collector run more often.
 * @throws StatusError tensor_invalid for a wrong length or a typed element above 255.
 */
export function readBytes(source: TensorSource, count: number): Uint8Array<ArrayBuffer> {
  if (source.raw !== undefined) {
    const { buffer, byteOffset, length } = rawOf(source, 'UINT8', 1, count);
    // A message that came over a connection never lies in shared memory.
    return new Uint8Array(buffer as ArrayBuffer, byteOffset, length);
  }
  const elements = typed(source, 'UINT8', count);
  const above = elements.findIndex((element) => element > 255);
  if (above >= 0) {
    const at = place(source.tensor.shape, above);
    throw invalid(source.tensor.name, `expected UINT8 values from 0 to 255, got ${elements[above]} at ${at}`);
  }
  return Uint8Array.from(elements);
}

/**
 * BYTES elements: views into the message, not copies. Raw, each is preceded by its length as 4 bytes, little-endian.
 * @throws StatusError tensor_invalid when lengths and bytes do not fit each other or the count.
 */
export function readStrings(source: TensorSource, count: number): Uint8Array[] {
  if (source.raw === undefined) return typed(source, 'BYTES', count);
  const { raw } = source;
  const { name } = source.tensor;
  const elements: Uint8Array[] = [];
  let offset = 0;
  while (offset < raw.length) {
    const at = `element ${elements.length}`;
    if (elements.length === count) {
      throw invalid(name, `expected ${count} elements, got ${raw.length - offset} more bytes after them`);
    }
    if (offset + 4 > raw.length) {
      throw invalid(name, `${at}: expected a length of 4 bytes (little-endian), got ${raw.length - offset} bytes`);
    }
    const length = raw.readUInt32LE(offset);
    offset += 4;
    if (length > raw.length - offset) {
      throw invalid(name, `${at}: its length says ${length} bytes, only ${raw.length - offset} follow`);
    }
    elements.push(raw.subarray(offset, offset + length));
    offset += length;
  }
  if (elements.length !== count) {
    throw invalid(name, `expected ${count} elements, each preceded by its length as 4 bytes, got ${elements.length}`);
  }
  return elements;
}
