// What protobufjs returns: lists are always there, absent messages are null, absent scalars are the prototype's defaults.
export type Integer = number | { toNumber(): number };
export interface RawModel {
  graph: RawGraph | null;
  opsetImport: { domain: string; version: Integer }[];
}
export interface RawGraph {
  name: string;
  node: RawNode[];
  initializer: RawTensor[];
  input: RawValue[];
  output: RawValue[];
  valueInfo: RawValue[];
  sparseInitializer: RawSparseTensor[];
}
export interface RawSparseTensor {
  values: RawTensor | null;
  indices: RawTensor | null;
  dims: Integer[];
}
export interface RawNode {
  name: string;
  opType: string;
  domain: string;
  input: string[];
  output: string[];
  attribute: RawAttribute[];
}
export interface RawAttribute {
  name: string;
  type: number;
  f: number;
  i: Integer;
  s: Uint8Array;
  t: RawTensor | null;
  g: RawGraph | null;
  floats: number[];
  ints: Integer[];
  tensors: RawTensor[];
  graphs: RawGraph[];
}
export interface RawValue {
  name: string;
  type: { tensorType: { elemType: number; shape: { dim: RawDimension[] } | null } | null } | null;
}
export interface RawDimension {
  dimValue: Integer;
  dimParam: string;
}
export interface RawTensor {
  name: string;
  dims: Integer[];
  dataType: number;
  rawData: Uint8Array;
  floatData: number[];
  doubleData: number[];
  int32Data: number[];
  int64Data: Integer[];
  dataLocation: number;
}
