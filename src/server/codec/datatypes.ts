// The datatypes of the Open Inference Protocol that inputs may have, and how their elements lie in raw bytes.
import type { InputName } from './model.js';

export type InputDatatype =
  | 'BYTES'
  | 'UINT8'
  | 'UINT16'
  | 'UINT32'
  | 'UINT64'
  | 'INT16'
  | 'INT32'
  | 'INT64'
  | 'FP16'
  | 'BF16'
  | 'FP32'
  | 'FP64';

const INTEGERS = ['UINT8', 'UINT16', 'UINT32', 'UINT64', 'INT16', 'INT32', 'INT64'] as const;
const FLOATS = ['FP32', 'FP16', 'BF16', 'FP64'] as const;

/**
 * What each input may be given as, the documented datatype first. Whole numbers are taken as pixels when each is from 0 to
 * 255; floats of any width become FP32. What would have to be guessed is refused: signed bytes (128 or -128?), floats as
 * pixels (0 to 1, or to 255?), whole numbers as normalised values.
 */
export const ACCEPTED: Readonly<Record<InputName, readonly InputDatatype[]>> = {
  // UINT8: the file's bytes as numbers, as pipelines that decode on a GPU are sent them.
  image: ['BYTES', 'UINT8'],
  pixels: INTEGERS,
  input: FLOATS,
  embedding: FLOATS,
};

/** Bytes of an element in raw contents, little-endian. */
export const ELEMENT_BYTES: Readonly<Record<Exclude<InputDatatype, 'BYTES'>, number>> = {
  ...{ UINT8: 1, UINT16: 2, UINT32: 4, UINT64: 8, INT16: 2, INT32: 4, INT64: 8 },
  ...{ FP16: 2, BF16: 2, FP32: 4, FP64: 8 },
};

/** The field of InferTensorContents for a datatype; undefined: the protocol has none, such elements travel raw only. */
export const TYPED_FIELD = {
  BYTES: 'bytesContents',
  UINT8: 'uintContents',
  UINT16: 'uintContents',
  UINT32: 'uintContents',
  UINT64: 'uint64Contents',
  INT16: 'intContents',
  INT32: 'intContents',
  INT64: 'int64Contents',
  FP16: undefined,
  BF16: undefined,
  FP32: 'fp32Contents',
  FP64: 'fp64Contents',
} as const satisfies Record<InputDatatype, string | undefined>;
