import type { Plan } from '../../native/index.js';
import type { Unsupported } from '../graph/refusal.js';
import { Refusal, refuse } from '../graph/refusal.js';
import type { Graph, Shape } from '../graph/types.js';
import { absorbPads } from './absorb-pads.js';
import { StepList } from './arena.js';
import { ConstantPool } from './constants.js';
import { Layout } from './layout.js';
import { lowerNode } from './lower/operations.js';
import { elements, Lowering } from './lowering.js';
import { nestConcats } from './nest-concats.js';
import { findNonNegative } from './non-negative.js';
import { describeTiling } from './tiling.js';
import type { Tuning } from './tuning.js';
import { defaultTuning } from './tuning.js';
import type { Dims } from './windows.js';
import { imageDims } from './windows.js';

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

export type PlanResult =
  | { readonly kind: 'plan'; readonly plan: Plan; readonly layers: readonly PlannedLayer[] }
  | { readonly kind: 'unsupported'; readonly problems: readonly Unsupported[] };

/**
 * Plans the run of one image: which kernel computes each operation, how its tensors are laid out, where everything lies. What the steps
 * can't hold is no error but a value that names each such node.
 *
 * @param graph optimised
 */
export function planGraph(graph: Graph, options: PlanOptions = {}): PlanResult {
  const problems: Unsupported[] = [];
  const attempt = <T>(node: string, operator: string, step: () => T): T | undefined => {
    try {
      return step();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      problems.push({ node, operator, reason: error.message });
      return undefined;
    }
  };
  const dims = attempt('', 'input', () => new Map([[graph.input.name, imageOf(graph.input.shape)]]));
  for (const node of graph.nodes) {
    attempt(node.name, node.operation.type, () => dims?.set(node.output, dimsOfOne(node.shape)));
  }
  if (dims === undefined || problems.length > 0) return { kind: 'unsupported', problems };

  const nonNegative = findNonNegative(graph);
  const { graph: padded, absorbed } = absorbPads(graph, nonNegative);
  const planned = nestConcats(padded);
  const steps = new StepList();
  const constants = new ConstantPool();
  const tuning = { ...defaultTuning, ...options.tuning };
  const lowering = new Lowering(planned, dims, new Layout(planned, dims, nonNegative), steps, constants, tuning);
  const layers: PlannedLayer[] = [];
  const layer = (node: string, tensor: string, lower: () => { kernel: string; reason: string }) => {
    const first = steps.length;
    const { kernel, reason } = lower();
    layers.push({ node, kernel, reason, layout: describeLayout(lowering, tensor), steps: [first, steps.length] });
  };

  layer('', graph.input.name, () => {
    lowering.addInput();
    return { kernel: 'input', reason: '' };
  });
  const byName = new Map(planned.nodes.map((node) => [node.name, node]));
  const failed = new Set<string>();
  for (const { name, operation, output } of graph.nodes) {
    if (absorbed.has(name)) {
      layers.push({
        node: name,
        kernel: 'view',
        reason: 'padding of what reads it',
        layout: '',
        steps: [steps.length, steps.length],
      });
      continue;
    }
    const node = byName.get(name)!;
    // What reads a tensor that could not be made is not judged.
    const reads = node.inputs.some((input) => failed.has(input));
    const done =
      !reads &&
      attempt(name, operation.type, () => {
        layer(name, output, () => lowerNode(lowering, node));
        return true;
      });
    if (done !== true) failed.add(output);
  }
  if (problems.length > 0) return { kind: 'unsupported', problems };

  const output = lowering.plain(graph.output);
  if (layers.at(-1)!.steps[1] < steps.length) {
    layers.push({
      node: '',
      kernel: 'output',
      reason: '',
      layout: 'plain',
      steps: [layers.at(-1)!.steps[1], steps.length],
    });
  }
  const finished = attempt('', 'output', () => steps.finish(output));
  if (finished === undefined) return { kind: 'unsupported', problems };
  const [channels, height, width] = imageDims(dims.get(graph.input.name)!)!;
  const plan: Plan = {
    input: { channels, height, width },
    steps: finished.steps,
    arenaVectors: finished.arenaVectors,
    constants: constants.finish(),
    output: { offset: finished.outputOffset, length: elements(dims.get(graph.output)!) },
  };
  return { kind: 'plan', plan, layers };
}

/** @throws Refusal unless it is one image, or a batch of them. */
function imageOf(shape: Shape): Dims {
  const [batch] = shape;
  if (batch !== 'N' && batch !== 1) refuse(`the file fixes a batch of ${batch}: the plan takes one image at a time`);
  const dims = dimsOfOne(shape);
  if (imageDims(dims) === undefined) refuse(`an input [${shape.join(', ')}] where images are expected`);
  return dims;
}

/** The shape for one image. @throws Refusal when images do not lie one behind the other */
function dimsOfOne(shape: Shape): Dims {
  if (shape.lastIndexOf('N') > 0) refuse(`its output [${shape.join(', ')}] does not have the batch in front`);
  return shape.map((length) => (length === 'N' ? 1 : length));
}

function describeLayout(lowering: Lowering, tensor: string): string {
  if (!lowering.hasTiles(tensor)) return 'plain';
  const { layout } = lowering;
  return describeTiling(layout.tilingOf(tensor), layout.haloOf(tensor));
}
