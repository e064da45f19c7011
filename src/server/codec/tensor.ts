// The elements of one input tensor, from raw bytes or typed contents. Bytes may stay where they are, floats are copied.
import type { ModelInferRequest__Output } from '../../../protos/index.js';
import { StatusError } from '../errors.js';
import { ELEMENT_BYTES, type InputDatatype, TYPED_FIELD } from './datatypes.js';
import { allFinite, type FloatDatatype, floatsFromRaw } from './floats.js';
import { showShape } from './model.js';

export type InputTensor = ModelInferRequest__Output['inputs'][number];
type Contents = NonNullable<InputTensor['contents']>;
export type IntegerDatatype = Exclude<InputDatatype, FloatDatatype | 'BYTES'>;

/** Where elements come from: exactly one of the two. */
export interface TensorSource {
  readonly tensor: InputTensor;
  /** The entry of raw_input_contents; undefined: typed contents. */
  readonly raw: Buffer | undefined;
}

export function invalid(tensor: string, message: string): StatusError {
  return new StatusError('tensor_invalid', `tensor "${tensor}": ${message}`);
}

/** Whether any typed field has elements. */
export function hasContents(contents: Contents | null): boolean {
  return contents !== null && Object.values(contents).some((field) => Array.isArray(field) && field.length > 0);
}

const fieldOnTheWire = (field: string) => field.replace('Contents', '_contents');

/** The elements of the typed field that belongs to a datatype. */
function typed(source: TensorSource, datatype: 'BYTES', count: number): Buffer[];
function typed(source: TensorSource, datatype: Exclude<InputDatatype, 'BYTES'>, count: number): number[];
function typed(source: TensorSource, datatype: InputDatatype, count: number): Buffer[] | number[] {
  const { name, contents, shape } = source.tensor;
  const field = TYPED_FIELD[datatype];
  if (field === undefined) {
    throw invalid(name, `${datatype} has no typed contents in the protocol: expected raw_input_contents`);
  }
  // Numbers, by the load options of the protos, whatever the field's width.
  const elements = (contents?.[field] ?? []) as Buffer[] | number[];
  if (elements.length !== count) {
    const other = Object.entries(contents ?? {}).find(([key, value]) => key !== field && value.length > 0);
    const hint =
      elements.length === 0 && other !== undefined ? ` (${other[1].length} are in ${fieldOnTheWire(other[0])})` : '';
    const want = `${count} elements in ${fieldOnTheWire(field)} for ${datatype} ${showShape(shape)}`;
    throw invalid(name, `expected ${want}, got ${elements.length}${hint}`);
  }
  return elements;
}

function rawOf(source: TensorSource, datatype: Exclude<InputDatatype, 'BYTES'>, count: number): Buffer {
  const raw = source.raw!;
  const expected = count * ELEMENT_BYTES[datatype];
  if (raw.length !== expected) {
    const { name, shape } = source.tensor;
    throw invalid(name, `expected ${expected} raw bytes for ${datatype} ${showShape(shape)}, got ${raw.length}`);
  }
  return raw;
}

/**
 * Elements of any float datatype as FP32, all finite.
 * @throws StatusError tensor_invalid for a wrong length, NaN, infinity, or a number that FP32 has no room for.
 */
export function readFloats(source: TensorSource, datatype: FloatDatatype, count: number): Float32Array<ArrayBuffer> {
  const values =
    source.raw === undefined
      ? Float32Array.from(typed(source, datatype, count))
      : floatsFromRaw(rawOf(source, datatype, count), datatype, count);
  if (!allFinite(values)) {
    const index = values.findIndex((value) => !Number.isFinite(value));
    throw notFinite(source, datatype, values[index]!, index);
  }
  return values;
}

function notFinite(source: TensorSource, datatype: FloatDatatype, value: number, index: number): StatusError {
  const { name, shape } = source.tensor;
  const at = place(shape, index);
  if (Number.isNaN(value)) return invalid(name, `expected finite numbers, got NaN at ${at}`);
  if (datatype === 'FP64') {
    const given = source.raw?.readDoubleLE(index * 8) ?? source.tensor.contents!.fp64Contents[index]!;
    if (Number.isFinite(given))
      return invalid(name, `expected numbers within the range of FP32, got ${given} at ${at}`);
  }
  return invalid(name, `expected finite numbers, got ${value > 0 ? 'infinity' : '-infinity'} at ${at}`);
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
 * Whole numbers from 0 to 255, of any integer datatype. Raw UINT8 ones are a view into the message, not a copy: so large a
 * buffer for each image would make the garbage collector run more often.
 * @throws StatusError tensor_invalid for a wrong length or another value.
 */
export function readBytes(source: TensorSource, datatype: IntegerDatatype, count: number): Uint8Array<ArrayBuffer> {
  if (source.raw === undefined) {
    const elements = typed(source, datatype, count);
    const outside = elements.findIndex((element) => element < 0 || element > 255);
    if (outside >= 0) throw notAByte(source, datatype, elements[outside]!, outside);
    return Uint8Array.from(elements);
  }
  const raw = rawOf(source, datatype, count);
  if (datatype !== 'UINT8') return narrowed(source, datatype, raw, count);
  // A message that came over a connection never lies in shared memory.
  return new Uint8Array(raw.buffer as ArrayBuffer, raw.byteOffset, raw.length);
}

/** Little-endian integers are from 0 to 255 where all bytes but the first are 0, signed or not. */
function narrowed(
  source: TensorSource,
  datatype: IntegerDatatype,
  raw: Buffer,
  count: number,
): Uint8Array<ArrayBuffer> {
  const width = ELEMENT_BYTES[datatype];
  const values = new Uint8Array(count);
  for (let index = 0; index < count; index++) {
    const start = index * width;
    let above = 0;
    for (let byte = 1; byte < width; byte++) above |= raw[start + byte]!;
    if (above !== 0) throw notAByte(source, datatype, integerAt(raw, datatype, start), index);
    values[index] = raw[start]!;
  }
  return values;
}

function integerAt(raw: Buffer, datatype: IntegerDatatype, start: number): number | bigint {
  const width = ELEMENT_BYTES[datatype];
  const signed = datatype.startsWith('INT');
  if (width === 8) return signed ? raw.readBigInt64LE(start) : raw.readBigUInt64LE(start);
  return signed ? raw.readIntLE(start, width) : raw.readUIntLE(start, width);
}

function notAByte(source: TensorSource, datatype: IntegerDatatype, value: number | bigint, index: number): StatusError {
  const { name, shape } = source.tensor;
  return invalid(name, `expected ${datatype} values from 0 to 255, got ${value} at ${place(shape, index)}`);
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
