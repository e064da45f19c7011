// A decoded ONNX model as plain values. Strings in it come from the file: quote them (text.ts) before showing them.

export interface OnnxModel {
  /** Version of each operator set, by domain; the standard one is ''. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly graph: OnnxGraph;
}

/** Lists are in the file's order, which the rewriter relies on. */
export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  /** Sparse ones come last, expanded. */
  readonly initializers: readonly OnnxTensor[];
  /** Before IR version 4 initialisers are listed here too. */
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** Types of inner tensors, as far as the exporter wrote them. */
  readonly valueInfo: readonly OnnxValue[];
}

export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  /** '' stands for an optional input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

/** Only the field that belongs to the attribute's type is set. */
export interface OnnxAttribute {
  readonly float?: number;
  readonly int?: number;
  readonly string?: string;
  readonly floats?: readonly number[];
  readonly ints?: readonly number[];
  readonly tensors?: readonly OnnxTensor[];
  readonly graphs?: readonly OnnxGraph[];
}

/** A dimension is a length, a symbol such as `N`, or unknown. */
export type OnnxDimension = number | string | undefined;

export interface OnnxValue {
  readonly name: string;
  /** A code of `dataTypes`; undefined when the file does not say, or the value is no tensor. */
  readonly dataType: number | undefined;
  /** undefined: not even the rank is known. */
  readonly shape: readonly OnnxDimension[] | undefined;
}

export interface OnnxTensor {
  readonly name: string;
  readonly dataType: number;
  readonly dims: readonly number[];
  /** A view on the file's bytes (little endian, any alignment); undefined when the values are in one of the typed lists. */
  readonly raw: Uint8Array | undefined;
  readonly floats: readonly number[];
  readonly doubles: readonly number[];
  /** Of the integer types up to 32 bits, and the bit patterns of FLOAT16. */
  readonly int32s: readonly number[];
  readonly int64s: readonly number[];
  /** The values lie in another file and are not here (`embedExternalData` puts those in that are needed). */
  readonly external?: true;
}

/** TensorProto.DataType: the codes that Headwater has to tell apart, with the bytes of one element. */
export const dataTypes = { float: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10, double: 11 } as const;

const elementBytes: ReadonlyMap<number, number> = new Map([
  [dataTypes.float, 4],
  [dataTypes.uint8, 1],
  [dataTypes.int8, 1],
  [dataTypes.int32, 4],
  [dataTypes.int64, 8],
  [dataTypes.bool, 1],
  [dataTypes.float16, 2],
  [dataTypes.double, 8],
]);

/** Bytes of one element, or undefined for the types that Headwater does not look into. */
export function bytesOfElement(dataType: number): number | undefined {
  return elementBytes.get(dataType);
}

/** Name of a data type for messages. */
export function dataTypeName(dataType: number | undefined): string {
  const entry = Object.entries(dataTypes).find(([, code]) => code === dataType);
  return entry?.[0] ?? (dataType === undefined ? 'an unknown type' : `type ${dataType}`);
}

export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, length) => product * length, 1);
}
