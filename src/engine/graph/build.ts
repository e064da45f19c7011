import { EngineError } from '../backbone.js';
import type { GraphIndex } from '../onnx/graph.js';
import { fedInputs } from '../onnx/graph.js';
import type { OnnxModel, OnnxNode, OnnxValue } from '../onnx/model.js';
import { dataTypeName, dataTypes, elementCount } from '../onnx/model.js';
import { listNames, quote } from '../text.js';
import { readConstant } from './constant.js';
import { foldNode } from './fold.js';
import type { FoldBudget } from './fold-budget.js';
import { limitedBudget } from './fold-budget.js';
import { operators } from './lower/operators.js';
import type { Value } from './lower/source.js';
import { NodeSource } from './lower/source.js';
import type { Unsupported } from './refusal.js';
import { nodeLabel, Refusal, refuse } from './refusal.js';
import { channelsOf, checkShape } from './shape.js';
import { sortNodes } from './sort.js';
import type { Dimension, Graph, GraphNode, Shape } from './types.js';

export interface BuildOptions {
  /** The tensor that is the embedding; what it does not need is left out. */
  readonly output: string;
  /** Height and width where the file leaves them open; undefined: they must stand in the file. */
  readonly imageSize?: number | undefined;
  /** Only named in messages. */
  readonly file: string;
}

export type BuildResult =
  | { readonly kind: 'graph'; readonly graph: Graph; readonly foldedConstants: number; readonly cutNodes: number }
  | { readonly kind: 'unsupported'; readonly problems: readonly Unsupported[] };

const oldestOpset = 7;
const newestOpset = 21;
const mostNodes = 10_000;
/** More problems than anyone reads end the work on a hostile file early. */
const mostProblems = 100;
/** Over all tensors: the passes look at each channel. */
const mostChannels = 2 ** 21;

/**
 * Turns an ONNX graph into a typed one with shapes: weights move into the nodes, what depends on constants only is computed. What can't
 * be held is no error but a value that names each such node; nodes behind one are not judged.
 *
 * @throws EngineError model_unreadable for a graph that contradicts itself; model_unsupported for one beyond the limits.
 */
export function buildGraph(model: OnnxModel, index: GraphIndex, options: BuildOptions): BuildResult {
  const { file, output } = options;
  if (index.graph.nodes.length > mostNodes) {
    throw new EngineError('model_unsupported', `${file}: ${index.graph.nodes.length} nodes; ${mostNodes} is the limit`);
  }
  const sorted = sortNodes(index, output, file);
  const read = new Set([output, ...sorted.flatMap((node) => node.inputs)]);
  const builder = new GraphBuilder(index, model.opsets.get('') ?? 0, read);
  const problems = builder.attempt('', 'input', () => builder.addInput(options.imageSize));
  if (problems.length > 0) return { kind: 'unsupported', problems };
  for (const node of sorted) {
    problems.push(...builder.attempt(nodeLabel(node), node.opType, () => builder.add(node)));
    if (problems.length >= mostProblems || builder.isSpent) break;
  }
  if (problems.length > 0) return { kind: 'unsupported', problems };
  if (!builder.isActivation(output)) {
    const reason = `the tensor ${quote(output)} does not depend on the image`;
    return { kind: 'unsupported', problems: [{ node: '', operator: 'output', reason }] };
  }
  const graph = { input: builder.input, nodes: builder.nodes, output };
  const cutNodes = index.graph.nodes.length - sorted.length;
  return { kind: 'graph', graph, foldedConstants: builder.foldedConstants, cutNodes };
}

/** Takes ONNX nodes in order. Lives for one call of buildGraph. */
class GraphBuilder {
  readonly nodes: GraphNode[] = [];
  input: Graph['input'] = { name: '', shape: [] };
  foldedConstants = 0;
  /** What is known of each tensor; null: it comes from a node that can't be held. */
  readonly #values = new Map<string, Value | null>();
  /** How often each name was asked for. */
  readonly #names = new Map<string, number>();
  readonly #budget: FoldBudget;
  #channels = 0;

  constructor(
    readonly index: GraphIndex,
    readonly opset: number,
    /** The tensors that nodes which the embedding needs read. */
    readonly read: ReadonlySet<string>,
  ) {
    const here = index.graph.initializers.filter((tensor) => !tensor.external);
    const stored = here.reduce((sum, tensor) => sum + elementCount(tensor.dims), 0);
    this.#budget = limitedBudget(2 ** 22 + 16 * stored);
  }

  /** Runs `step`; a Refusal becomes a problem of the node named. */
  attempt(node: string, operator: string, step: () => void): Unsupported[] {
    try {
      step();
      return [];
    } catch (error) {
      if (error instanceof Refusal) return [{ node, operator, reason: error.message }];
      throw error;
    }
  }

  /** Nothing more may be made from constants: whatever follows would fail the same way. */
  get isSpent(): boolean {
    return this.#budget.isSpent;
  }

  isActivation(tensor: string): boolean {
    return this.#values.get(tensor)?.kind === 'activation';
  }

  addInput(size: number | undefined): void {
    if (!(this.opset >= oldestOpset && this.opset <= newestOpset)) {
      refuse(`operator set ${this.opset}; ${oldestOpset} to ${newestOpset} are read`);
    }
    const inputs = fedInputs(this.index);
    const names = inputs.map(({ name }) => name);
    const input = inputs.length === 1 ? inputs[0]! : refuse(`the inputs ${listNames(names, 3)}: one image is expected`);
    if (input.dataType !== dataTypes.float) refuse(`an input of ${dataTypeName(input.dataType)}; float is expected`);
    this.input = { name: input.name, shape: checkShape(inputShape(input, size)) };
    this.#values.set(input.name, { kind: 'activation', ...this.input });
  }

  add(node: OnnxNode): void {
    // Whatever goes wrong below, what reads these later must not be judged by it.
    for (const output of node.outputs) this.#values.set(output, null);
    const inputs = node.inputs.map((name) => (name === '' ? undefined : this.#valueOf(name)));
    if (inputs.includes(null)) return;
    if (node.domain !== '') refuse(`the domain ${quote(node.domain)}`);
    const source = new NodeSource(node, this.opset, inputs as (Value | undefined)[], (name) => this.read.has(name));
    if (node.opType === 'Shape' || inputs.every((value) => value?.kind !== 'activation')) {
      this.#values.set(node.outputs[0] ?? '', foldNode(source, this.#budget));
      this.foldedConstants++;
    } else {
      this.#addLowered(node, source);
    }
  }

  #addLowered(node: OnnxNode, source: NodeSource): void {
    const lower = operators.get(node.opType) ?? refuse('this operator');
    const results = lower(source);
    source.attributes.finish();
    const name = this.#uniqueName(node);
    for (const [position, { operation, inputs, shape }] of results.entries()) {
      const output = node.outputs[position] ?? '';
      if (output === '') continue;
      checkShape(shape);
      this.#countChannels(shape);
      if ('weights' in operation) this.#budget.spend(operation.weights.length);
      this.nodes.push({
        name: position === 0 ? name : this.#unique(`${name}:${position}`),
        operation,
        inputs: inputs.map((input) => input.name),
        output,
        shape,
      });
      this.#values.set(output, { kind: 'activation', name: output, shape });
    }
  }

  /** null when it comes from a node that can't be held. */
  #valueOf(name: string): Value | null {
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    const tensor = this.index.initializers.get(name) ?? refuse(`its input ${quote(name)} is missing`);
    const constant = readConstant(tensor);
    this.#values.set(name, constant);
    return constant;
  }

  #uniqueName(node: OnnxNode): string {
    return this.#unique(node.name === '' ? `${node.opType} ${nodeLabel(node)}` : node.name);
  }

  #unique(wanted: string): string {
    const uses = (this.#names.get(wanted) ?? 0) + 1;
    this.#names.set(wanted, uses);
    return uses === 1 ? wanted : this.#unique(`${wanted} (${uses})`);
  }

  #countChannels(shape: Shape): void {
    this.#channels += channelsOf(shape);
    if (this.#channels > mostChannels) refuse(`the tensors up to here have more than ${mostChannels} channels`);
  }
}

/** [N or the number of images that the file fixes, channels, height, width]. */
function inputShape({ shape }: OnnxValue, size: number | undefined): Shape {
  if (shape?.length !== 4) return refuse(`an input of ${shape?.length ?? 'unknown'} dimensions; 4 are expected`);
  const [batch, channels, height, width] = shape;
  const side = (given: Dimension | string | undefined, name: string): number =>
    typeof given === 'number'
      ? given
      : (size ?? refuse(`the ${name} of the input stands neither in the file nor in the settings`));
  if (typeof channels !== 'number') return refuse('the number of channels of the input is not in the file');
  return [typeof batch === 'number' ? batch : 'N', channels, side(height, 'height'), side(width, 'width')];
}
