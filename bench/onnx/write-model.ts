import { dataTypes } from '../../src/engine/onnx/model.js';
import { ModelProto } from '../../src/engine/onnx/schema.js';
import type { AttributeSpec, Dimension, ExternalSpec, ModelSpec, WeightSpec } from './model-spec.js';

/** The bytes of an ONNX file. Written with the schema that the engine reads with; ONNX Runtime checks it from outside. */
export function buildModel(spec: ModelSpec): Uint8Array {
  const initializer: object[] = [
    ...Object.entries(spec.weights ?? {}).map(([name, weight]) => tensor(name, weight)),
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

function tensor(name: string, { dims, values }: WeightSpec): object {
  const typed = isPlain(values) ? Float32Array.from(values) : values;
  return {
    name,
    dims,
    dataType: dataTypeOf(typed),
    rawData: new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength),
  };
}

function isPlain(values: WeightSpec['values']): values is number[] {
  return Array.isArray(values);
}

function dataTypeOf(values: Float32Array | Int8Array | Uint8Array | Int32Array): number {
  if (values instanceof Float32Array) return dataTypes.float;
  if (values instanceof Int8Array) return dataTypes.int8;
  return values instanceof Uint8Array ? dataTypes.uint8 : dataTypes.int32;
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
