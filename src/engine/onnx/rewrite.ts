import { EngineError } from '../backbone.js';
import { reasonOf } from '../text.js';
import { concatenate, delimited, splitFields } from './fields.js';
import type { GraphIndex } from './graph.js';
import { requirementsOf } from './graph.js';
import { graphFields, modelFields, ValueInfoProto } from './schema.js';

/**
 * The model with `tensor` as its only output, and without what that does not need. Works on the bytes: each message that stays is
 * copied as it is, so that fields unknown to schema.ts survive.
 *
 * @param bytes the file that `index` was read from
 * @throws EngineError model_unreadable when lengths inside the file contradict each other, or it holds several graphs.
 */
export function keepOutput(
  bytes: Uint8Array,
  index: GraphIndex,
  tensor: string,
  file: string,
): Uint8Array<ArrayBuffer> {
  try {
    return rewrite(bytes, index, tensor);
  } catch (error) {
    throw new EngineError('model_unreadable', `${file}: the file is damaged (${reasonOf(error)}); export it anew`, {
      cause: error,
    });
  }
}

function rewrite(bytes: Uint8Array, index: GraphIndex, tensor: string): Uint8Array<ArrayBuffer> {
  const model = splitFields(bytes);
  const graphs = model.filter((field) => field.number === modelFields.graph);
  if (graphs.length !== 1) throw new Error(`it holds ${graphs.length} graphs`);
  const graph = keepInGraph(graphs[0]!.content, index, tensor);
  return concatenate(
    model.flatMap((field) =>
      field.number === modelFields.graph ? delimited(modelFields.graph, graph) : [field.whole],
    ),
  );
}

/** The graph's fields that stay. */
function keepInGraph(bytes: Uint8Array, index: GraphIndex, tensor: string): Uint8Array[] {
  const { nodes, tensors } = requirementsOf(index, tensor);
  const { graph } = index;
  // Repeated fields come in the order in which they were decoded, so a counter for each kind tells which one this is.
  const seen = new Map<number, number>();
  const kept = splitFields(bytes).filter((field) => {
    const position = seen.get(field.number) ?? 0;
    seen.set(field.number, position + 1);
    switch (field.number) {
      case graphFields.node:
        return nodes.has(graph.nodes[position]!);
      case graphFields.initializer:
        return tensors.has(graph.initializers[position]!.name);
      case graphFields.input:
        return tensors.has(graph.inputs[position]!.name);
      case graphFields.output:
        return graph.outputs[position]!.name === tensor;
      case graphFields.valueInfo:
        return tensors.has(graph.valueInfo[position]!.name);
      default:
        return true;
    }
  });
  const pieces = kept.map((field) => field.whole);
  if (!graph.outputs.some((output) => output.name === tensor)) {
    // ONNX Runtime infers the type of an output that only has a name.
    pieces.push(...delimited(graphFields.output, [ValueInfoProto.encode({ name: tensor }).finish()]));
  }
  return pieces;
}
