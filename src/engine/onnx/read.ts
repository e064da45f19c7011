import { EngineError } from '../backbone.js';
import { quote, reasonOf } from '../text.js';
import { BoundedReader } from './bounded-reader.js';
import { locateFault } from './locate.js';
import type { OnnxAttribute, OnnxDimension, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from './model.js';
import { bytesOfElement, dataTypes, elementCount } from './model.js';
import type {
  Integer,
  RawAttribute,
  RawDimension,
  RawGraph,
  RawModel,
  RawNode,
  RawSparseTensor,
  RawTensor,
  RawValue,
} from './raw.js';
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
    message = ModelProto.decode(new BoundedReader(bytes)) as unknown as RawModel;
  } catch (error) {
    const where = locateFault(bytes);
    throw unreadable(`not an ONNX model, or cut off (${bytes.length} bytes: ${reasonOf(error)}${where})`, error);
  }
  try {
    return toModel(message, bytes.length);
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

function toModel(message: RawModel, bytes: number): OnnxModel {
  if (!message.graph) throw new Malformed('not an ONNX model, or cut off: it holds no graph');
  if (message.opsetImport.length === 0) throw new Malformed('not an ONNX model, or cut off: it names no operator set');
  const graph = toGraph(message.graph, toDense(message.graph.sparseInitializer, mostDense(bytes)));
  if (graph.nodes.length === 0) throw new Malformed('the graph has no nodes');
  if (graph.outputs.length === 0) throw new Malformed('the graph has no outputs');
  const opsets = new Map(
    message.opsetImport.map((set) => [set.domain === 'ai.onnx' ? '' : set.domain, toNumber(set.version)]),
  );
  return { opsets, graph };
}

/** Graphs nest through attributes; protobufjs has bounded the depth already. Sparse initialisers of inner graphs are not looked into. */
function toGraph(raw: RawGraph, sparse: readonly OnnxTensor[]): OnnxGraph {
  return {
    name: raw.name,
    nodes: raw.node.map(toNode),
    initializers: [...raw.initializer.map((tensor) => toTensor(tensor, () => readerOf(raw, tensor))), ...sparse],
    inputs: raw.input.map(toValue),
    outputs: raw.output.map(toValue),
    valueInfo: raw.valueInfo.map(toValue),
  };
}

/** Dense values of all sparse initialisers together: what is allocated stays in proportion to the file. */
function mostDense(bytes: number): number {
  return 2 ** 24 + 16 * bytes;
}

/** Sparse initialisers stand behind the others, as dense ones of `most` values together. */
function toDense(raws: readonly RawSparseTensor[], most: number): OnnxTensor[] {
  let total = 0;
  return raws.map((raw) => {
    if (!raw.values || !raw.indices) throw new Malformed('a sparse tensor lacks its values or their positions');
    const dims = raw.dims.map(toNumber);
    total += elementCount(dims);
    if (total > most) {
      const name = tensorName(raw.values);
      throw new Malformed(
        `the sparse tensor ${name} and those before it stand for ${total} values; ${most} is the limit here`,
      );
    }
    const dense = expandSparse({
      values: toTensor(raw.values, noOwner),
      indices: toTensor(raw.indices, noOwner),
      dims,
    });
    if (typeof dense === 'string') throw new Malformed(dense);
    return dense;
  });
}

function toNode(raw: RawNode): OnnxNode {
  return {
    name: raw.name,
    opType: raw.opType,
    domain: raw.domain === 'ai.onnx' ? '' : raw.domain,
    inputs: raw.input,
    outputs: raw.output,
    attributes: new Map(raw.attribute.map((attribute) => [attribute.name, toAttribute(attribute, raw)])),
  };
}

/** AttributeProto.AttributeType codes. */
const attributeTypes = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7, tensors: 9, graphs: 10 };

function toAttribute(raw: RawAttribute, node: RawNode): OnnxAttribute {
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
        tensors: [...(raw.t ? [raw.t] : []), ...raw.tensors].map((tensor) => toTensor(tensor, () => ofNode(node))),
        graphs: [...(raw.g ? [raw.g] : []), ...raw.graphs].map((graph) => toGraph(graph, [])),
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

/** @param owner ` of the node "name"`, where the tensor is used: only worked out for messages */
function toTensor(raw: RawTensor, owner: () => string): OnnxTensor {
  const dims = raw.dims.map(toNumber);
  const count = elementCount(dims);
  if (dims.some((length) => length < 0) || !Number.isSafeInteger(count)) {
    throw new Malformed(
      `the tensor ${tensorName(raw)}${owner()} has the impossible shape [${dims.slice(0, 8).join(', ')}]`,
    );
  }
  if (raw.dataLocation === externalLocation) return withoutValues(raw, dims);
  const hasRaw = Object.hasOwn(raw, 'rawData') && raw.rawData.length > 0;
  checkLength(raw, owner, count, hasRaw);
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

function tensorName({ name }: RawTensor): string {
  return name === '' ? '(unnamed)' : quote(name);
}

function noOwner(): string {
  return '';
}

function ofNode({ name, output }: RawNode): string {
  return ` of the node ${quote(name === '' ? (output[0] ?? '') : name)}`;
}

/** The first node that reads an initialiser. */
function readerOf({ node }: RawGraph, { name }: RawTensor): string {
  const reader = node.find(({ input }) => input.includes(name));
  return reader === undefined ? '' : ofNode(reader);
}

function withoutValues({ name, dataType }: RawTensor, dims: readonly number[]): OnnxTensor {
  return { name, dataType, dims, raw: undefined, floats: [], doubles: [], int32s: [], int64s: [], external: true };
}

/** A tensor holds as many values as its shape says: what comes later may then index without looking. */
function checkLength(raw: RawTensor, owner: () => string, count: number, hasRaw: boolean): void {
  const bytes = bytesOfElement(raw.dataType);
  if (bytes === undefined) return;
  const held = hasRaw ? raw.rawData.length / bytes : typedLength(raw);
  if (held !== count) {
    throw new Malformed(`the tensor ${tensorName(raw)}${owner()} needs ${count} values, but ${held} are there`);
  }
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
