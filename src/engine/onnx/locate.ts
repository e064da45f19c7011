import { quote } from '../text.js';
import { BoundedReader } from './bounded-reader.js';
import { eachField, splitFields } from './fields.js';
import { graphFields, modelFields, NodeProto } from './schema.js';

/** NodeProto's fields. */
const nodeFields = { output: 2, name: 3 } as const;

/**
 * Which node keeps a model from being decoded: ` in the node "name"`, or nothing where that can't be told, as in a file that is cut off.
 */
export function locateFault(model: Uint8Array): string {
  try {
    for (const field of eachField(model)) {
      if (field.number !== modelFields.graph) continue;
      for (const { number, content } of eachField(field.content)) {
        if (number === graphFields.node && !isDecodable(content)) return ` in the node ${quote(nameOf(content))}`;
      }
    }
  } catch {
    // The damage is between the nodes, or there are too many fields.
  }
  return '';
}

function isDecodable(node: Uint8Array): boolean {
  try {
    NodeProto.decode(new BoundedReader(node));
    return true;
  } catch {
    return false;
  }
}

/** Its own name, or the first tensor that it makes. */
function nameOf(node: Uint8Array): string {
  const fields = splitFields(node);
  const field =
    fields.find(({ number }) => number === nodeFields.name) ??
    fields.find(({ number }) => number === nodeFields.output);
  return Buffer.from(field?.content ?? []).toString('utf8');
}
