import { EngineError } from '../backbone.js';
import { quote, reasonOf } from '../text.js';
import { concatenate, delimited, splitFields } from './fields.js';
import type { GraphIndex } from './graph.js';
import { requirementsOf } from './graph.js';
import type { OnnxNode } from './model.js';
import { bytesOfElement, elementCount } from './model.js';
import { graphFields, modelFields, TensorProto } from './schema.js';

/*
 * Tensors whose values lie in other files (https://github.com/onnx/onnx/blob/main/docs/ExternalData.md), found in the model's bytes and
 * replaced in them. Reading those files is the caller's part.
 */

/** Where the values of one tensor lie. */
export interface ExternalTensor {
  /** `the tensor "w" of the node "conv"`, for messages. */
  readonly label: string;
  /** As it stands in the file: it may be anything. */
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/**
 * The tensors in other files that computing `tensor` needs, in the order in which they stand in the model.
 *
 * @param bytes the file that `index` was read from
 * @throws EngineError model_unreadable for an entry that makes no sense, naming tensor and node
 */
export function findExternalData(
  bytes: Uint8Array,
  index: GraphIndex,
  tensor: string,
  file: string,
): readonly ExternalTensor[] {
  const found: ExternalTensor[] = [];
  rewriteTensors(bytes, index, tensor, file, (content, label) => {
    const external = readEntry(content, label);
    if (typeof external === 'string') throw new EngineError('model_unreadable', `${file}: ${label} ${external}`);
    if (external !== undefined) found.push(external);
    return undefined;
  });
  return found;
}

/** The model with the values that `findExternalData` asked for in their places. Others are left as they are. */
export function embedExternalData(
  bytes: Uint8Array,
  index: GraphIndex,
  tensor: string,
  file: string,
  values: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  let next = 0;
  const pieces = rewriteTensors(bytes, index, tensor, file, (content, label) => {
    const external = readEntry(content, label);
    return external === undefined ? undefined : withValues(content, values[next++]!);
  });
  return concatenate(pieces);
}

/** TensorProto's fields that give way: externalData, dataLocation, rawData; and the one that comes. */
const replacedFields: ReadonlySet<number> = new Set([13, 14, 9]);
const rawDataField = 9;
/** TensorProto.DataLocation. */
const externalLocation = 1;

function withValues(tensor: Uint8Array, values: Uint8Array): Uint8Array[] {
  const kept = splitFields(tensor).filter((field) => !replacedFields.has(field.number));
  return [...kept.map((field) => field.whole), ...delimited(rawDataField, [values])];
}

interface RawExternalTensor {
  dims: (number | { toNumber(): number })[];
  dataType: number;
  dataLocation: number;
  externalData: { key: string; value: string }[];
}

/** undefined: the values stand in the model; a string: what is wrong with the entry. */
function readEntry(content: Uint8Array, label: string): ExternalTensor | string | undefined {
  const raw = TensorProto.decode(content) as unknown as RawExternalTensor;
  if (raw.dataLocation !== externalLocation) return undefined;
  const entries = new Map(raw.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get('location') ?? '';
  const offset = wholeNumber(entries.get('offset') ?? '0');
  const perElement = bytesOfElement(raw.dataType);
  if (perElement === undefined)
    return `lies in another file and is of type ${raw.dataType}, which is not read from there`;
  if (offset === undefined)
    return `lies in another file at the offset ${quote(entries.get('offset')!)}, which is no whole number`;
  const dims = raw.dims.map((side) => (typeof side === 'number' ? side : side.toNumber()));
  const length = elementCount(dims) * perElement;
  const stated = entries.get('length');
  if (stated !== undefined && wholeNumber(stated) !== length) {
    return `of shape [${dims.slice(0, 8).join(', ')}] needs ${length} bytes, but its entry says ${quote(stated)}`;
  }
  return { label, location, offset, length };
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

type MessageKind = 'model' | 'graph' | 'node' | 'attribute' | 'function' | 'training' | 'sparse' | 'tensor';

/** By field number, the messages that tensors can lie in. Functions and training information are no part of the typed graph; engines read them. */
const messagesIn: Readonly<Record<MessageKind, Readonly<Record<number, MessageKind>>>> = {
  model: { [modelFields.graph]: 'graph', 20: 'training', 25: 'function' },
  graph: { [graphFields.node]: 'node', [graphFields.initializer]: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  function: { 7: 'node', 11: 'attribute' },
  training: { 1: 'graph', 2: 'graph' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: {},
};

/** What comes in the place of a tensor; undefined: it stays. */
type Visit = (content: Uint8Array, label: string) => Uint8Array[] | undefined;

function rewriteTensors(
  bytes: Uint8Array,
  index: GraphIndex,
  tensor: string,
  file: string,
  visit: Visit,
): Uint8Array[] {
  try {
    return new TensorWalk(index, tensor, visit).model(bytes);
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError('model_unreadable', `${file}: the file is damaged (${reasonOf(error)}); export it anew`, {
      cause: error,
    });
  }
}

/** Goes through a model's bytes. Messages without a change are kept as they are. The decoder has bounded the depth already. */
class TensorWalk {
  readonly #nodes: ReadonlySet<OnnxNode>;
  readonly #tensors: ReadonlySet<string>;

  constructor(
    readonly index: GraphIndex,
    tensor: string,
    readonly visit: Visit,
  ) {
    ({ nodes: this.#nodes, tensors: this.#tensors } = requirementsOf(index, tensor));
  }

  model(bytes: Uint8Array): Uint8Array[] {
    const fields = splitFields(bytes);
    const graphs = fields.filter(({ number }) => number === modelFields.graph).length;
    if (graphs !== 1) throw new Error(`it holds ${graphs} graphs`);
    return fields.flatMap(({ number, whole, content }) => {
      if (number === modelFields.graph) return delimited(number, this.#mainGraph(content));
      const kind = messagesIn.model[number];
      const changed = kind === undefined ? undefined : this.#inside(kind, content, 'a function');
      return changed === undefined ? [whole] : delimited(number, changed);
    });
  }

  /** Only what the embedding needs is looked at. */
  #mainGraph(bytes: Uint8Array): Uint8Array[] {
    const { graph } = this.index;
    // Repeated fields come in the order in which they were decoded.
    let [nodes, initializers] = [0, 0];
    return splitFields(bytes).flatMap(({ number, whole, content }) => {
      let changed: Uint8Array[] | undefined;
      if (number === graphFields.node) {
        const node = graph.nodes[nodes++]!;
        if (this.#nodes.has(node)) changed = this.#inside('node', content, `the node ${nodeName(node)}`);
      } else if (number === graphFields.initializer) {
        const { name } = graph.initializers[initializers++]!;
        if (this.#tensors.has(name)) changed = this.visit(content, `the tensor ${quote(name)}${this.#reader(name)}`);
      }
      return changed === undefined ? [whole] : delimited(number, changed);
    });
  }

  #inside(kind: MessageKind, bytes: Uint8Array, owner: string): Uint8Array[] | undefined {
    if (kind === 'tensor') return this.visit(bytes, `a tensor of ${owner}`);
    let changes = 0;
    const pieces = splitFields(bytes).flatMap(({ number, whole, content }) => {
      const inner = messagesIn[kind][number];
      const changed = inner === undefined ? undefined : this.#inside(inner, content, owner);
      if (changed === undefined) return [whole];
      changes++;
      return delimited(number, changed);
    });
    return changes === 0 ? undefined : pieces;
  }

  #reader(name: string): string {
    const node = this.index.graph.nodes.find(
      (candidate) => this.#nodes.has(candidate) && candidate.inputs.includes(name),
    );
    return node === undefined ? '' : ` of the node ${nodeName(node)}`;
  }
}

function nodeName(node: OnnxNode): string {
  return quote(node.name === '' ? (node.outputs[0] ?? '') : node.name);
}
