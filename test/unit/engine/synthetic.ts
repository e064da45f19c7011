import { dataTypes } from '../../../src/engine/onnx/model.js';
import { ModelProto } from '../../../src/engine/onnx/schema.js';

// Small ONNX models, built with the schema that reads them and run by ONNX Runtime, so the schema is checked from outside too.

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

export interface ModelSpec {
  inputs: { name: string; shape: Dimension[]; type?: number }[];
  outputs: { name: string; shape?: Dimension[] }[];
  nodes: NodeSpec[];
  weights?: Record<string, { dims: number[]; values: number[] | Float32Array }>;
  int64s?: Record<string, number[]>;
  valueInfo?: { name: string; shape: Dimension[] }[];
  external?: Record<string, ExternalSpec>;
  /** Stored as positions and values; a position is a number, or an index for each axis. */
  sparse?: Record<string, { dims: number[]; positions: number[] | number[][]; values: number[] }>;
  /** 13 when left out. */
  opset?: number;
}

export function buildModel(spec: ModelSpec): Uint8Array {
  const initializer: object[] = [
    ...Object.entries(spec.weights ?? {}).map(([name, { dims, values }]) => ({
      name,
      dims,
      dataType: dataTypes.float,
      rawData: new Uint8Array(Float32Array.from(values).buffer),
    })),
    ...Object.entries(spec.int64s ?? {}).map(([name, values]) => ({
      name,
      dims: [values.length],
      dataType: dataTypes.int64,
      int64Data: values,
    })),
  ];
  initializer.push(...Object.entries(spec.external ?? {}).map(([name, external]) => externalTensor(name, external)));
  const message = {
    irVersion: 8,
    opsetImport: [{ domain: '', version: spec.opset ?? 13 }],
    graph: {
      name: 'synthetic',
      node: spec.nodes.map(({ op, name, inputs, outputs, attributes }) => ({
        opType: op,
        name: name ?? '',
        input: inputs,
        output: outputs,
        attribute: Object.entries(attributes ?? {}).map(([key, value]) => attribute(key, value)),
      })),
      initializer,
      sparseInitializer: Object.entries(spec.sparse ?? {}).map(([name, { dims, positions, values }]) => ({
        dims,
        values: { name, dims: [values.length], dataType: dataTypes.float, floatData: values },
        indices: {
          name: `${name} positions`,
          dims: Array.isArray(positions[0]) ? [positions.length, positions[0].length] : [positions.length],
          dataType: dataTypes.int64,
          int64Data: positions.flat(),
        },
      })),
      input: spec.inputs.map(({ name, shape, type }) => value(name, shape, type)),
      output: spec.outputs.map(({ name, shape }) => value(name, shape)),
      valueInfo: (spec.valueInfo ?? []).map(({ name, shape }) => value(name, shape)),
    },
  };
  return ModelProto.encode(ModelProto.fromObject(message)).finish();
}

function attribute(name: string, given: AttributeSpec): object {
  if (typeof given === 'number') return { name, type: 2, i: given };
  if (Array.isArray(given)) return { name, type: 7, ints: given };
  if ('float' in given) return { name, type: 1, f: given.float };
  if ('floats' in given) return { name, type: 6, floats: given.floats };
  if ('external' in given) return { name, type: 4, t: externalTensor('', given.external) };
  return { name, type: 3, s: Buffer.from(given.text) };
}

function externalTensor(name: string, { dims, type, entries }: ExternalSpec): object {
  const externalData = Object.entries(entries).map(([key, value]) => ({ key, value }));
  return { name, dims, dataType: type ?? dataTypes.float, dataLocation: 1, externalData };
}

function value(name: string, shape: Dimension[] | undefined, elemType: number = dataTypes.float): object {
  if (shape === undefined) return { name };
  const dim = shape.map((length) => (typeof length === 'number' ? { dimValue: length } : { dimParam: length }));
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
}

/**
 * image [N,3,size,size] -> 1x1 convolution to 4 channels -> global average (`pooled` [N,4,1,1]) -> Flatten (`flat` [N,4]) -> classifier
 * with 5 classes (`scores`), as exporters write it. Outputs are left to the caller.
 */
export function classifierSpec(
  tail: 'Gemm' | 'MatMul' | 'MatMulAdd',
  outputs: string[],
  batch: Dimension = 'N',
): ModelSpec {
  const classifier: NodeSpec[] =
    tail === 'Gemm'
      ? [{ op: 'Gemm', name: 'fc', inputs: ['flat', 'w', 'b'], outputs: ['scores'] }]
      : tail === 'MatMul'
        ? [{ op: 'MatMul', name: 'fc', inputs: ['flat', 'w'], outputs: ['scores'] }]
        : [
            { op: 'MatMul', name: 'fc', inputs: ['flat', 'w'], outputs: ['product'] },
            { op: 'Add', inputs: ['b', 'product'], outputs: ['scores'] },
          ];
  return {
    inputs: [{ name: 'image', shape: [batch, 3, 8, 8] }],
    outputs: outputs.map((name) => ({
      name,
      shape: name === 'pooled' ? [batch, 4, 1, 1] : [batch, name === 'flat' ? 4 : 5],
    })),
    nodes: [
      { op: 'Conv', name: 'conv', inputs: ['image', 'filters'], outputs: ['maps'] },
      { op: 'GlobalAveragePool', inputs: ['maps'], outputs: ['pooled'] },
      { op: 'Flatten', inputs: ['pooled'], outputs: ['flat'], attributes: { axis: 1 } },
      ...classifier,
      { op: 'Softmax', inputs: ['scores'], outputs: ['probabilities'], attributes: { axis: 1 } },
    ],
    weights: {
      filters: { dims: [4, 3, 1, 1], values: [1, 0, 0, 0, 1, 0, 0, 0, 1, 0.5, 0.25, -0.5] },
      w: { dims: [4, 5], values: Array.from({ length: 20 }, (_, i) => i / 20) },
      b: { dims: [5], values: [1, 2, 3, 4, 5] },
    },
    valueInfo: [
      { name: 'maps', shape: [batch, 4, 8, 8] },
      { name: 'scores', shape: [batch, 5] },
    ],
  };
}
