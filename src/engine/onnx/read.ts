import protobuf from 'protobufjs';
import { EngineError } from '../backbone.js';
import { quote, reasonOf } from '../text.js';
import type { OnnxAttribute, OnnxDimension, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from './model.js';
import { bytesOfElement, dataTypes, elementCount } from './model.js';
import { ModelProto } from './schema.js';
import { expandSparse } from './sparse.js';

/**
 * Decodes an ONNX file. `file` is only named in messages. Weights stay views on `bytes`; those in other files have no values yet.
 *
 * @throws EngineError model_unreadable when the bytes are no whole ONNX model.
 */
export function readOnnx(bytes: Uint8Array, file: string): OnnxModel {
  const unreadable = (what: string, cause?: unknown) =>
    new EngineError('model_unreadable', `${file}: ${what}; give the path of a complete .onnx file`, { cause });

  if (bytes.length === 0) throw unreadable('the file is empty');
  if (startsWith(bytes, 'version https://git-lfs')) {
    throw unreadable('this is a Git LFS pointer, not the model (fetch it with `git lfs pull`)');
  }
  let message: RawModel;
  try {
    // A plain Reader over a plain array: protobufjs' reader for Node's Buffers accepts strings that are cut off.
    const reader = new protobuf.Reader(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    message = ModelProto.decode(reader) as unknown as RawModel;
  } catch (error) {
    throw unreadable(`not an ONNX model, or cut off (${bytes.length} bytes: ${reasonOf(error)})`, error);
  }
  try {
    return toModel(message);
  } catch (error) {
    if (error instanceof Malformed) throw unreadable(error.message, error);
    throw error;
  }
}

/** Inner signal: readOnnx adds the file's name and turns it into an EngineError. */
class Malformed extends Error {}

function startsWith(bytes: Uint8Array, text: string): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, text.length)).toString('latin1') === text;
}

function toModel(message: RawModel): OnnxModel {
  if (!message.graph) throw new Malformed('not an ONNX model, or cut off: it holds no graph');
  if (message.opsetImport.length === 0) throw new Malformed('not an ONNX model, or cut off: it names no operator set');
  const graph = toGraph(message.graph);
  if (graph.nodes.length === 0) throw new Malformed('the graph has no nodes');
  if (graph.outputs.length === 0) throw new Malformed('the graph has no outputs');
  const opsets = new Map(
    message.opsetImport.map((set) => [set.domain === 'ai.onnx' ? '' : set.domain, toNumber(set.version)]),
  );
  return { opsets, graph };
}

/** Graphs nest through attributes; protobufjs has bounded the depth already. */
function toGraph(raw: RawGraph): OnnxGraph {
  return {
    name: raw.name,
    nodes: raw.node.map(toNode),
    initializers: [...raw.initializer.map(toTensor), ...raw.sparseInitializer.map(toDense)],
    inputs: raw.input.map(toValue),
    outputs: raw.output.map(toValue),
    valueInfo: raw.valueInfo.map(toValue),
  };
}

/** Sparse initialisers stand behind the others, as dense ones. */
function toDense(raw: RawSparseTensor): OnnxTensor {
  if (!raw.values || !raw.indices) throw new Malformed('a sparse tensor lacks its values or their positions');
  const dims = raw.dims.map(toNumber);
  const dense = expandSparse({ values: toTensor(raw.values), indices: toTensor(raw.indices), dims });
  if (typeof dense === 'string') throw new Malformed(dense);
  return dense;
}

function toNode(raw: RawNode): OnnxNode {
  return {
    name: raw.name,
    opType: raw.opType,
    domain: raw.domain === 'ai.onnx' ? '' : raw.domain,
    inputs: raw.input,
    outputs: raw.output,
    attributes: new Map(raw.attribute.map((attribute) => [attribute.name, toAttribute(attribute)])),
  };
}

/** AttributeProto.AttributeType codes. */
const attributeTypes = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7, tensors: 9, graphs: 10 };

function toAttribute(raw: RawAttribute): OnnxAttribute {
  switch (raw.type) {
    case attributeTypes.float:
      return { float: raw.f };
    case attributeTypes.int:
      return { int: toNumber(raw.i) };
    case attributeTypes.string:
      return { string: Buffer.from(raw.s).toString('utf8') };
    case attributeTypes.floats:
      return { floats: raw.floats };
    case attributeTypes.ints:
      return { ints: raw.ints.map(toNumber) };
    default:
      return {
        tensors: [...(raw.t ? [raw.t] : []), ...raw.tensors].map(toTensor),
        graphs: [...(raw.g ? [raw.g] : []), ...raw.graphs].map(toGraph),
      };
  }
}

function toValue(raw: RawValue): OnnxValue {
  const tensor = raw.type?.tensorType;
  return {
    name: raw.name,
    dataType: tensor?.elemType || undefined,
    shape: tensor?.shape?.dim.map(toDimension),
  };
}

function toDimension(raw: RawDimension): OnnxDimension {
  if (Object.hasOwn(raw, 'dimValue')) {
    const length = toNumber(raw.dimValue);
    // Exporters write 0 or -1 where they mean "any".
    return length > 0 ? length : undefined;
  }
  return raw.dimParam === '' ? undefined : raw.dimParam;
}

/** TensorProto.DataLocation. */
const externalLocation = 1;

function toTensor(raw: RawTensor): OnnxTensor {
  const name = raw.name === '' ? 'an unnamed tensor' : quote(raw.name);
  const dims = raw.dims.map(toNumber);
  const count = elementCount(dims);
  if (dims.some((length) => length < 0) || !Number.isSafeInteger(count)) {
    throw new Malformed(`the tensor ${name} has the impossible shape [${dims.slice(0, 8).join(', ')}]`);
  }
  if (raw.dataLocation === externalLocation) return withoutValues(raw, dims);
  const hasRaw = Object.hasOwn(raw, 'rawData') && raw.rawData.length > 0;
  checkLength(raw, name, count, hasRaw);
  return {
    name: raw.name,
    dataType: raw.dataType,
    dims,
    raw: hasRaw ? raw.rawData : undefined,
    floats: raw.floatData,
    doubles: raw.doubleData,
    int32s: raw.int32Data,
    int64s: hasRaw ? [] : raw.int64Data.map(toNumber),
  };
}

function withoutValues({ name, dataType }: RawTensor, dims: readonly number[]): OnnxTensor {
  return { name, dataType, dims, raw: undefined, floats: [], doubles: [], int32s: [], int64s: [], external: true };
}

/** A tensor holds as many values as its shape says: what comes later may then index without looking. */
function checkLength(raw: RawTensor, name: string, count: number, hasRaw: boolean): void {
  const bytes = bytesOfElement(raw.dataType);
  if (bytes === undefined) return;
  const held = hasRaw ? raw.rawData.length / bytes : typedLength(raw);
  if (held !== count) throw new Malformed(`the tensor ${name} needs ${count} values, but ${held} are there`);
}

function typedLength(raw: RawTensor): number {
  switch (raw.dataType) {
    case dataTypes.float:
      return raw.floatData.length;
    case dataTypes.double:
      return raw.doubleData.length;
    case dataTypes.int64:
      return raw.int64Data.length;
    default:
      return raw.int32Data.length;
  }
}

/** protobufjs gives 64-bit integers as Long objects. Those beyond 2^53 (as "to the end" in slices) lose their last digits. */
function toNumber(value: Integer): number {
  return typeof value === 'number' ? value : value.toNumber();
}

// What protobufjs returns: lists are always there, absent messages are null, absent scalars are the prototype's defaults.
type Integer = number | { toNumber(): number };
interface RawModel {
  graph: RawGraph | null;
  opsetImport: { domain: string; version: Integer }[];
}
interface RawGraph {
  name: string;
  node: RawNode[];
  initializer: RawTensor[];
  input: RawValue[];
  output: RawValue[];
  valueInfo: RawValue[];
  sparseInitializer: RawSparseTensor[];
}
interface RawSparseTensor {
  values: RawTensor | null;
  indices: RawTensor | null;
  dims: Integer[];
}
interface RawNode {
  name: string;
  opType: string;
  domain: string;
  input: string[];
  output: string[];
  attribute: RawAttribute[];
}
interface RawAttribute {
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
interface RawValue {
  name: string;
  type: { tensorType: { elemType: number; shape: { dim: RawDimension[] } | null } | null } | null;
}
interface RawDimension {
  dimValue: Integer;
  dimParam: string;
}
interface RawTensor {
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
