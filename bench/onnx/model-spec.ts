// Models as plain values: what the benchmarks and the tests build, change and write as ONNX files.

export type Dimension = number | string;

/** Plain numbers are integers. */
export type AttributeSpec =
  | number
  | number[]
  | { float: number }
  | { floats: number[] }
  | { text: string }
  | { external: ExternalSpec };

/** A tensor said to lie in another file, with the entries that say where. */
export interface ExternalSpec {
  dims: number[];
  type?: number | undefined;
  entries: Record<string, string>;
}

export interface NodeSpec {
  op: string;
  name?: string;
  inputs: string[];
  outputs: string[];
  attributes?: Record<string, AttributeSpec>;
}

/** Constant values; a `Float32Array`, `Int8Array`, ... says which type the file gets, a list of numbers is FLOAT. */
export interface WeightSpec {
  dims: number[];
  values: number[] | Float32Array | Int8Array | Uint8Array | Int32Array;
}

export interface ModelSpec {
  inputs: { name: string; shape: Dimension[]; type?: number }[];
  outputs: { name: string; shape?: Dimension[] }[];
  nodes: NodeSpec[];
  weights?: Record<string, WeightSpec>;
  int64s?: Record<string, number[]>;
  valueInfo?: { name: string; shape: Dimension[] }[];
  external?: Record<string, ExternalSpec>;
  /** Stored as positions and values; a position is a number, or an index for each axis. */
  sparse?: Record<string, { dims: number[]; positions: number[] | number[][]; values: number[] }>;
  /** 13 when left out. */
  opset?: number;
}
