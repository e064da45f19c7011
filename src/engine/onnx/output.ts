import { EngineError } from '../backbone.js';
import { listNames, nearNames, quote } from '../text.js';
import type { GraphIndex } from './graph.js';
import { weightBehind } from './graph.js';
import type { OnnxNode } from './model.js';

export interface OutputChoice {
  /** Name of the tensor that is the embedding: a graph output or an inner tensor. */
  readonly tensor: string;
  /** Why this one, for the log. */
  readonly reason: string;
}

/**
 * Chooses the tensor that is the embedding: the one named, else the first output, else (when that is class logits) what goes into
 * the last Gemm.
 *
 * @throws EngineError output_unknown when `requested` is not computed by the graph.
 */
export function chooseOutput(index: GraphIndex, requested: string | undefined, file: string): OutputChoice {
  if (requested !== undefined) {
    checkComputed(index, requested, file);
    return { tensor: requested, reason: 'named in the configuration' };
  }
  const first = index.graph.outputs[0]!.name;
  checkComputed(index, first, file);
  const classifier = classifierBehind(index, first);
  if (classifier === undefined) return { tensor: first, reason: "the model's first output" };
  return {
    tensor: classifier.input,
    reason: `the model's first output ${quote(first)} is class logits, so the input of its last ${describe(classifier.node)} is taken`,
  };
}

function checkComputed(index: GraphIndex, tensor: string, file: string): void {
  if (index.producers.has(tensor)) return;
  const near = nearNames(tensor, [...index.producers.keys()]);
  const hint = near.length === 0 ? '' : ` Near names: ${listNames(near)}.`;
  throw new EngineError(
    'output_unknown',
    `${file}: no tensor ${quote(tensor)} is computed by this model. Its outputs: ` +
      `${listNames(index.graph.outputs.map((output) => output.name))}.${hint} ` +
      'Set backbones[].output to one of these, or leave it out.',
  );
}

/** What may stand between the classifier's product and the output without changing what it is. */
const afterLogits = new Set(['Softmax', 'LogSoftmax', 'Identity', 'Flatten', 'Reshape', 'Squeeze', 'Cast']);
const longestTail = 8;

/** The product that makes class logits, and the tensor that goes into it; undefined when `output` is something else. */
function classifierBehind(index: GraphIndex, output: string): { node: OnnxNode; input: string } | undefined {
  let name = output;
  for (let step = 0; step < longestTail; step++) {
    const node = index.producers.get(name);
    if (node === undefined) return undefined;
    if (node.opType === 'Gemm' || node.opType === 'MatMul') return productInput(index, node);
    if (node.opType === 'Add') {
      const summand = dataInput(index, node);
      if (summand === undefined || index.producers.get(summand)?.opType !== 'MatMul') return undefined;
      name = summand;
    } else if (afterLogits.has(node.opType)) {
      name = node.inputs[0] ?? '';
    } else {
      return undefined;
    }
  }
  return undefined;
}

function productInput(index: GraphIndex, node: OnnxNode): { node: OnnxNode; input: string } | undefined {
  const input = dataInput(index, node);
  // A classifier right on the image has no embedding to offer.
  return input !== undefined && index.producers.has(input) ? { node, input } : undefined;
}

/** Of the first two inputs, the one that is not a weight; undefined unless exactly one is. */
function dataInput(index: GraphIndex, node: OnnxNode): string | undefined {
  const data = node.inputs.slice(0, 2).filter((input) => weightBehind(index, input) === undefined);
  return data.length === 1 && node.inputs.length >= 2 ? data[0] : undefined;
}

function describe(node: OnnxNode): string {
  return node.name === '' ? node.opType : `${node.opType} ${quote(node.name)}`;
}
