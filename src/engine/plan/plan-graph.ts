import type { Plan } from '../../native/index.js';
import type { Unsupported } from '../graph/refusal.js';
import { Refusal } from '../graph/refusal.js';
import type { Graph } from '../graph/types.js';
import { absorbPads } from './absorb-pads.js';
import { StepList } from './arena.js';
import { ConstantPool } from './constants.js';
import type { Dims } from './dims.js';
import { dimsOfInput, dimsOfOne, elements, imageDims } from './dims.js';
import { emitNode } from './emit/operations.js';
import type { Emitted } from './emitter.js';
import { Emitter } from './emitter.js';
import { Layout } from './layout.js';
import { nestConcats } from './nest-concats.js';
import { findNonNegative } from './non-negative.js';
import type { Tuning } from './tuning.js';
import { defaultTuning } from './tuning.js';

export interface PlanOptions {
  readonly tuning?: Partial<Tuning>;
}

/** How one operation of the graph is computed. */
export interface PlannedLayer {
  /** Name of the graph's node; '' for the input and the output. */
  readonly node: string;
  /** `sparse 3x3`, `dense 7x7/2`, `view`, ... */
  readonly kernel: string;
  /** Why this kernel, as a short phrase; '' where there is no choice. */
  readonly reason: string;
  /** Of the output: `4x4 tiles of 14x14, halo 1`, or `plain`. */
  readonly layout: string;
  /** Which steps of the plan are its own. */
  readonly steps: readonly [first: number, end: number];
}

interface FinishedPlan {
  readonly plan: Plan;
  /** Of the arena, the most that is in use at one step: no arena could be smaller. */
  readonly aliveVectors: number;
}

export type PlanResult =
  | ({ readonly kind: 'plan'; readonly layers: readonly PlannedLayer[] } & FinishedPlan)
  | { readonly kind: 'unsupported'; readonly problems: readonly Unsupported[] };

/**
 * Plans the run of one image: which kernel computes each operation, how its tensors are laid out, where everything lies. What the steps
 * can't hold is no error but a value that names each such node; nodes behind one are not judged.
 *
 * @param graph optimised
 */
export function planGraph(graph: Graph, options: PlanOptions = {}): PlanResult {
  const problems = new Problems();
  const dims = readDims(graph, problems);
  if (dims === undefined) return problems.result();
  const nonNegative = findNonNegative(graph);
  const { graph: padded, absorbed } = absorbPads(graph, nonNegative);
  const planned = nestConcats(padded);
  const layout = new Layout(planned, dims, nonNegative);
  const tuning = { ...defaultTuning, ...options.tuning };
  const emitter = new Emitter(planned, dims, layout, new StepList(), new ConstantPool(), tuning);
  const layers = planLayers(graph, absorbed, emitter, problems);
  const finished = layers && problems.attempt('', 'output', () => finish(emitter, dims));
  return finished === undefined ? problems.result() : { kind: 'plan', ...finished, layers: layers! };
}

/** What can't be planned. */
class Problems {
  readonly #list: Unsupported[] = [];

  get some(): boolean {
    return this.#list.length > 0;
  }

  /** Runs `step`; a Refusal becomes a problem of the node named. */
  attempt<T>(node: string, operator: string, step: () => T): T | undefined {
    try {
      return step();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#list.push({ node, operator, reason: error.message });
      return undefined;
    }
  }

  result(): PlanResult {
    return { kind: 'unsupported', problems: this.#list };
  }
}

/** Of every tensor; undefined when one has a shape that no plan holds. */
function readDims(graph: Graph, problems: Problems): Map<string, Dims> | undefined {
  const dims = new Map<string, Dims>();
  problems.attempt('', 'input', () => dims.set(graph.input.name, dimsOfInput(graph.input.shape)));
  for (const { name, operation, output, shape } of graph.nodes) {
    problems.attempt(name, operation.type, () => dims.set(output, dimsOfOne(shape)));
  }
  return problems.some ? undefined : dims;
}

/**
 * Emits the steps of all nodes in their order.
 *
 * @param graph as the caller knows it: `absorbed` are its nodes that the graph of `emitter` no longer has
 */
function planLayers(
  graph: Graph,
  absorbed: ReadonlySet<string>,
  emitter: Emitter,
  problems: Problems,
): PlannedLayer[] | undefined {
  const { steps } = emitter;
  const layers: PlannedLayer[] = [];
  const add = (node: string, emit: () => Emitted, layout: () => string) => {
    const first = steps.length;
    const { kernel, reason } = emit();
    layers.push({ node, kernel, reason, layout: layout(), steps: [first, steps.length] });
    return true;
  };
  add(
    '',
    () => emitter.addInput(),
    () => emitter.describeInput(),
  );
  const nodes = new Map(emitter.graph.nodes.map((node) => [node.name, node]));
  const failed = new Set<string>();
  for (const { name, operation, output } of graph.nodes) {
    if (absorbed.has(name)) {
      add(
        name,
        () => ({ kernel: 'view', reason: 'padding of what reads it' }),
        () => '',
      );
      continue;
    }
    const node = nodes.get(name)!;
    const emit = () =>
      add(
        name,
        () => emitNode(emitter, node),
        () => emitter.describe(output),
      );
    const skip = node.inputs.some((input) => failed.has(input));
    if (skip || problems.attempt(name, operation.type, emit) === undefined) failed.add(output);
  }
  if (problems.some) return undefined;
  if (!emitter.hasPlain(graph.output)) {
    add(
      '',
      () => emitter.addOutput(),
      () => 'plain',
    );
  }
  return layers;
}

/** @throws Refusal when the arena would be too large */
function finish(emitter: Emitter, dims: ReadonlyMap<string, Dims>): FinishedPlan {
  const { graph, steps, constants } = emitter;
  const placed = steps.finish(emitter.plain(graph.output));
  const [channels, height, width] = imageDims(dims.get(graph.input.name)!)!;
  const plan = {
    input: { channels, height, width },
    steps: placed.steps,
    arenaVectors: placed.arenaVectors,
    constants: constants.finish(),
    output: { offset: placed.outputOffset, length: elements(dims.get(graph.output)!) },
  };
  return { plan, aliveVectors: placed.aliveVectors };
}
