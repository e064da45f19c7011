import type { OnnxNode } from '../onnx/model.js';

/** Why the typed graph can't hold a model: one node, and what about it. Strings come from the file: quote them when showing. */
export interface Unsupported {
  /** '' when it is about the model as a whole. */
  readonly node: string;
  readonly operator: string;
  readonly reason: string;
}

/** Inner signal of what reads one node; `buildGraph` turns it into an `Unsupported`. */
export class Refusal extends Error {}

/** @throws Refusal always. `reason` completes "this node can't be used: ...". */
export function refuse(reason: string): never {
  throw new Refusal(reason);
}

/** A node's own name, or the first tensor that it makes: something to search for in a viewer. */
export function nodeLabel(node: OnnxNode): string {
  return node.name === '' ? (node.outputs.find((output) => output !== '') ?? '') : node.name;
}
