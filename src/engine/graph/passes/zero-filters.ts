import { channelsOf } from '../shape.js';
import type { Convolution, Graph, GraphNode, Linear } from '../types.js';
import { ChannelClasses, couplingOf } from './channel-classes.js';
import type { ChannelConstants } from './constant-channels.js';
import { absorbed, findConstantChannels, forEachInput } from './constant-channels.js';
import { removeIdentities } from './identities.js';
import { keepChannels } from './keep-channels.js';
import type { PassResult } from './pass.js';

/**
 * Removes filters that are all zero, with everything that hangs on them, and filters that nobody reads (Iofinova et al. 2022, table 4).
 *
 * A channel behind a zero filter has one value everywhere. It can go when every reader can do without: a reader whose weights for it are
 * zero, a reader that can take value times weights into its bias (exact when the value is zero or nothing is padded), or an operation
 * that passes it on to such readers. Channels that an Add or a depthwise convolution ties together go together or stay. The embedding and
 * the image keep all channels, and every tensor that is still read keeps one.
 *
 * `changes` counts the filters removed.
 */
export function removeZeroFilters(graph: Graph): PassResult {
  const constants = findConstantChannels(graph);
  const classes = coupleChannels(graph);
  markNeeded(graph, classes, constants);
  const { graph: smaller, changes } = keepChannels(graph, (tensor) => classes.kept(tensor), constants);
  return { graph: removeIdentities(smaller).graph, changes };
}

function coupleChannels(graph: Graph): ChannelClasses {
  const classes = new ChannelClasses(graph);
  const shapes = new Map([
    [graph.input.name, graph.input.shape],
    ...graph.nodes.map((n) => [n.output, n.shape] as const),
  ]);
  const fixed = [graph.input.name, graph.output];
  for (const node of graph.nodes) {
    const coupling = couplingOf(
      node,
      node.inputs.map((input) => shapes.get(input)!),
    );
    if (coupling.kind === 'fixed') fixed.push(node.output, ...node.inputs);
    else if (coupling.kind === 'concat') coupleConcat(classes, node);
    else if (coupling.kind !== 'weights') {
      const [inputs, outputs] = coupling.kind === 'groups' ? [coupling.inputs, coupling.outputs] : [1, 1];
      const factor = coupling.kind === 'spread' ? coupling.factor : outputs;
      for (const input of node.inputs) coupleGroups(classes, input, inputs, node.output, factor);
    }
  }
  for (const tensor of new Set(fixed)) {
    for (let channel = 0; channel < classes.count(tensor); channel++) classes.need(tensor, channel);
  }
  return classes;
}

function coupleConcat(classes: ChannelClasses, { inputs, output }: GraphNode): void {
  let position = 0;
  for (const input of inputs) {
    for (let channel = 0; channel < classes.count(input); channel++) classes.join(input, channel, output, position++);
  }
}

/** Joins each run of `inputs` channels of one tensor with the run of `outputs` channels of the other. */
function coupleGroups(classes: ChannelClasses, input: string, inputs: number, output: string, outputs: number): void {
  for (let group = 0; group * outputs < classes.count(output); group++) {
    const first = group * outputs;
    for (let channel = 0; channel < inputs; channel++) classes.join(input, group * inputs + channel, output, first);
    for (let channel = 1; channel < outputs; channel++) classes.join(output, first + channel, output, first);
  }
}

/** Finds the smallest set of classes that holds what must stay and all that it reads. */
function markNeeded(graph: Graph, classes: ChannelClasses, constants: ReadonlyMap<string, ChannelConstants>): void {
  const filters = filtersByClass(graph, classes);
  const waiting: number[] = [];
  const need = (tensor: string, channel: number) => {
    const found = classes.need(tensor, channel);
    if (found !== undefined) waiting.push(found);
  };
  // Channels found needed before: the first filters of a layer need most of them, and the others' weights need not be looked at.
  const needed = new Map(Array.from(constants, ([tensor, values]) => [tensor, new Uint8Array(values.length)]));
  for (const root of filters.keys()) if (classes.isClassNeeded(root)) waiting.push(root);
  for (;;) {
    for (let root = waiting.pop(); root !== undefined; root = waiting.pop()) {
      for (const { node, operation, filter } of filters.get(root) ?? []) {
        const input = node.inputs[0]!;
        const values = constants.get(input)!;
        const known = needed.get(input)!;
        const visit = (channel: number, sum: number) => {
          if (Number.isNaN(absorbed(operation, sum, values[channel]!))) {
            need(input, channel);
            known[channel] = 1;
          }
          return true;
        };
        forEachInput(operation, filter, visit, known);
      }
    }
    // From the end, so that a chain of empty layers needs one round.
    for (const node of graph.nodes.toReversed()) {
      if (couplesByWeights(node) && keepsAny(classes, node.output) && !keepsAny(classes, node.inputs[0]!)) {
        need(node.inputs[0]!, 0);
      }
    }
    if (waiting.length === 0) return;
  }
}

interface Filter {
  readonly node: GraphNode;
  readonly operation: Convolution | Linear;
  readonly filter: number;
}

function filtersByClass(graph: Graph, classes: ChannelClasses): Map<number, Filter[]> {
  const filters = new Map<number, Filter[]>();
  for (const node of graph.nodes) {
    const { operation, output } = node;
    if (!couplesByWeights(node) || (operation.type !== 'Conv' && operation.type !== 'Linear')) continue;
    for (let filter = 0; filter < channelsOf(node.shape); filter++) {
      const root = classes.find(output, filter);
      const list = filters.get(root);
      if (list === undefined) filters.set(root, [{ node, operation, filter }]);
      else list.push({ node, operation, filter });
    }
  }
  return filters;
}

function couplesByWeights({ operation }: GraphNode): boolean {
  return operation.type === 'Linear' || (operation.type === 'Conv' && operation.group === 1 && !operation.residual);
}

function keepsAny(classes: ChannelClasses, tensor: string): boolean {
  for (let channel = 0; channel < classes.count(tensor); channel++) if (classes.isNeeded(tensor, channel)) return true;
  return false;
}
