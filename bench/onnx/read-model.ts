import type { OnnxAttribute, OnnxTensor, OnnxValue } from '../../src/engine/onnx/model.js';
import { dataTypes } from '../../src/engine/onnx/model.js';
import { readOnnx } from '../../src/engine/onnx/read.js';
import type { AttributeSpec, Dimension, ModelSpec } from './model-spec.js';

/**
 * A model of float weights as a spec, so that the benchmarks can prune or quantise a file that exists.
 *
 * @throws Error for constants that are not FLOAT, and attributes that are tensors or graphs
 */
export function specOfModel(bytes: Uint8Array, file: string): ModelSpec {
  const { graph, opsets } = readOnnx(bytes, file);
  const weights = Object.fromEntries(
    graph.initializers.map((tensor) => [tensor.name, { dims: [...tensor.dims], values: floatsOf(tensor, file) }]),
  );
  return {
    inputs: graph.inputs.filter(({ name }) => !(name in weights)).map(describe),
    outputs: graph.outputs.map(describe),
    nodes: graph.nodes.map(({ opType, name, inputs, outputs, attributes }) => ({
      op: opType,
      name,
      inputs: [...inputs],
      outputs: [...outputs],
      attributes: Object.fromEntries([...attributes].map(([key, value]) => [key, attributeOf(value, key, file)])),
    })),
    weights,
    opset: opsets.get('') ?? 13,
  };
}

function describe({ name, shape }: OnnxValue): { name: string; shape: Dimension[] } {
  return { name, shape: (shape ?? []).map((side, axis) => side ?? `axis${axis}`) };
}

function floatsOf({ name, dataType, raw, floats }: OnnxTensor, file: string): Float32Array {
  if (dataType !== dataTypes.float) throw new Error(`${file}: the constant ${name} is not FLOAT`);
  // Copied, since a view of floats needs an alignment that bytes in a file do not have.
  return raw === undefined ? Float32Array.from(floats) : new Float32Array(new Uint8Array(raw).buffer);
}

function attributeOf(value: OnnxAttribute, key: string, file: string): AttributeSpec {
  if (value.int !== undefined) return value.int;
  if (value.ints !== undefined) return [...value.ints];
  if (value.float !== undefined) return { float: value.float };
  if (value.floats !== undefined) return { floats: [...value.floats] };
  if (value.string !== undefined) return { text: value.string };
  throw new Error(`${file}: the attribute ${key} holds a tensor or a graph`);
}
