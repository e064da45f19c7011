import assert from 'node:assert/strict';
import type { Convolution, Graph, GraphNode, Operation, Pads, Shape } from '../../../../src/engine/graph/types.js';
import type { PlannedLayer } from '../../../../src/engine/plan/plan-graph.js';
import { planGraph } from '../../../../src/engine/plan/plan-graph.js';
import type { Plan } from '../../../../src/native/index.js';
import { interpretGraph, relativeError } from '../../../support/interpret-graph.js';
import { interpretPlan } from '../../../support/interpret-plan.js';
import { imageFor, randomTensor, tolerance } from '../graph/graphs.js';

// Graphs of a few nodes, and their plans.

export const relu = { type: 'Activation', activation: { kind: 'relu' } } as const;
export const add: Operation = { type: 'Binary', operator: 'Add', activation: undefined };

export function conv(
  channels: number,
  filters: number,
  options: { side?: number; density?: number; stride?: number; group?: number; pads?: Pads } = {},
): Convolution {
  const { side = 3, density = 1, stride = 1, group = 1, pads = [side >> 1, side >> 1, side >> 1, side >> 1] } = options;
  const { data } = randomTensor([filters, channels / group, side, side], 7);
  // Evenly spread: exactly this share is left.
  const weights = data.map((value, at) => (Math.floor((at + 1) * density) > Math.floor(at * density) ? value : 0));
  return {
    type: 'Conv',
    weights,
    weightShape: [filters, channels / group, side, side],
    bias: randomTensor([filters], 8).data,
    strides: [stride, stride],
    dilations: [1, 1],
    pads,
    group,
    residual: false,
    activation: undefined,
  };
}

/** Nodes are [output, operation, inputs, shape]; a node has its output's name. */
export type NodeSpec = [output: string, operation: Operation, inputs: string[], shape: Shape];

/** @param output the last node's where it is left out */
export function graph(shape: Shape, nodes: NodeSpec[], output = nodes.at(-1)![0]): Graph {
  return {
    input: { name: 'x', shape },
    nodes: nodes.map(
      ([output, operation, inputs, shape]): GraphNode => ({ name: output, operation, inputs, output, shape }),
    ),
    output,
  };
}

export interface SmallPlan {
  readonly plan: Plan;
  readonly layers: readonly PlannedLayer[];
  readonly layer: (name: string) => PlannedLayer;
}

/** Plans it, asserts that it computes what the graph does, and gives layers by name. */
export function plan(given: Graph): SmallPlan {
  const result = planGraph(given);
  if (result.kind === 'unsupported') assert.fail(JSON.stringify(result.problems));
  const image = imageFor(given, 1, 3);
  const expected = interpretGraph(given, image);
  const error = relativeError({ dims: expected.dims, data: interpretPlan(result.plan, image.data) }, expected);
  assert.ok(error <= tolerance, `${error}`);
  return { ...result, layer: (name) => result.layers.find(({ node }) => node === name)! };
}

export function kindsOf({ steps }: Plan, [first, end]: PlannedLayer['steps']): string[] {
  return steps.slice(first, end).map(({ kind }) => kind);
}
