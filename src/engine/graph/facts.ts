import { describeActivation } from './activation.js';
import { elementsOf } from './shape.js';
import type { Convolution, Graph, GraphNode, Linear, Shape } from './types.js';

/** What is worth knowing of one operation of the optimised graph. Counts are for one image. */
export interface LayerFacts {
  readonly name: string;
  /** `Conv 3x3/2 + residual + Relu`. */
  readonly operation: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly inputShape: Shape;
  readonly outputShape: Shape;
  /** Of convolutions and matrix products; undefined for everything else. */
  readonly weights: WeightFacts | undefined;
  /** Of the output, float32. */
  readonly activationBytes: number;
}

/** Biases do not count as weights. A multiply-add at the padded border counts like any other. */
export interface WeightFacts {
  /** In the file, before filters were removed. */
  readonly weights: number;
  readonly nonZeros: number;
  /** 0 to 1: of the weights in the file. */
  readonly sparsity: number;
  /** Filters (or outputs of a matrix product) in the file. */
  readonly filters: number;
  /** Of those, how many have no weight other than zero. */
  readonly zeroFilters: number;
  /** Filters that the optimised graph no longer has. */
  readonly removedFilters: number;
  /** Multiply-adds with all weights in the file. */
  readonly multiplyAdds: number;
  /** Multiply-adds with the weights that are left and not zero. */
  readonly usefulMultiplyAdds: number;
}

export interface Totals extends Omit<WeightFacts, 'sparsity'> {
  readonly zeros: number;
  readonly sparsity: number;
  /** usefulMultiplyAdds / multiplyAdds. */
  readonly usefulFraction: number;
}

/** @param built the graph as it stood in the file, which `optimised` was made from: layers are matched by name. */
export function describeLayers(built: Graph, optimised: Graph): LayerFacts[] {
  const originals = new Map(built.nodes.map((node) => [node.name, node]));
  const shapes = new Map([optimised.input, ...optimised.nodes.map(asTensor)].map(({ name, shape }) => [name, shape]));
  return optimised.nodes.map((node) => ({
    name: node.name,
    operation: describeOperation(node),
    inputs: node.inputs,
    output: node.output,
    inputShape: shapes.get(node.inputs[0]!)!,
    outputShape: node.shape,
    weights: weightFacts(originals.get(node.name), node),
    activationBytes: 4 * elementsOf(node.shape),
  }));
}

function asTensor({ output, shape }: GraphNode): { name: string; shape: Shape } {
  return { name: output, shape };
}

/** Layers that the passes removed whole count in the file's weights and as removed. */
export function sumLayers(built: Graph, optimised: Graph): Totals {
  const left = new Map(optimised.nodes.map((node) => [node.name, node]));
  const facts = built.nodes.flatMap((node) => weightFacts(node, left.get(node.name)) ?? []);
  const sum = (pick: (fact: WeightFacts) => number) => facts.reduce((total, fact) => total + pick(fact), 0);
  const weights = sum((fact) => fact.weights);
  const zeros = weights - sum((fact) => fact.nonZeros);
  const multiplyAdds = sum((fact) => fact.multiplyAdds);
  const usefulMultiplyAdds = sum((fact) => fact.usefulMultiplyAdds);
  return {
    weights,
    nonZeros: weights - zeros,
    zeros,
    sparsity: weights === 0 ? 0 : zeros / weights,
    filters: sum((fact) => fact.filters),
    zeroFilters: sum((fact) => fact.zeroFilters),
    removedFilters: sum((fact) => fact.removedFilters),
    multiplyAdds,
    usefulMultiplyAdds,
    usefulFraction: multiplyAdds === 0 ? 0 : usefulMultiplyAdds / multiplyAdds,
  };
}

function weightFacts(original: GraphNode | undefined, left: GraphNode | undefined): WeightFacts | undefined {
  const before = original?.operation;
  if (original === undefined || before === undefined || !hasWeights(before)) return undefined;
  const after = left !== undefined && hasWeights(left.operation) ? left.operation : undefined;
  const filters = before.weightShape[0];
  const nonZeros = countNonZeros(before.weights);
  const each = before.weights.length / filters;
  let zeroFilters = 0;
  for (let filter = 0; filter < filters; filter++) {
    if (countNonZeros(before.weights.subarray(filter * each, (filter + 1) * each)) === 0) zeroFilters++;
  }
  return {
    weights: before.weights.length,
    nonZeros,
    sparsity: 1 - nonZeros / before.weights.length,
    filters,
    zeroFilters,
    removedFilters: filters - (after?.weightShape[0] ?? 0),
    multiplyAdds: before.weights.length * elementsOf(original.shape.slice(2)),
    usefulMultiplyAdds: after === undefined ? 0 : countNonZeros(after.weights) * elementsOf(original.shape.slice(2)),
  };
}

function hasWeights(operation: GraphNode['operation']): operation is Convolution | Linear {
  return operation.type === 'Conv' || operation.type === 'Linear';
}

function countNonZeros(values: Float32Array): number {
  let count = 0;
  for (const value of values) if (value !== 0) count++;
  return count;
}

function describeOperation({ operation }: GraphNode): string {
  const activation = 'activation' in operation && operation.activation ? operation.activation : undefined;
  const parts = operation.type === 'Activation' ? [] : [describeKind(operation)];
  if (operation.type === 'Conv' && operation.residual) parts.push('residual');
  if (activation !== undefined) parts.push(describeActivation(activation));
  return parts.join(' + ');
}

function describeKind(operation: GraphNode['operation']): string {
  switch (operation.type) {
    case 'Conv': {
      const [filters, perGroup, height, width] = operation.weightShape;
      const kind =
        operation.group === 1 ? 'Conv' : perGroup === 1 && filters === operation.group ? 'Depthwise' : 'Grouped';
      return `${kind} ${describeWindow([height, width], operation.strides)}`;
    }
    case 'MaxPool':
    case 'AveragePool':
      return `${operation.type} ${describeWindow(operation.kernel, operation.strides)}`;
    case 'Binary':
      return operation.operator;
    case 'Resize':
      return `Resize x${operation.factors.join('x')}`;
    default:
      return operation.type;
  }
}

/** `3x3/2`: the stride is left out when it is 1. */
function describeWindow(kernel: readonly number[], [down, across]: readonly [number, number]): string {
  const stride = down === across ? (down === 1 ? '' : `/${down}`) : `/${down}x${across}`;
  return `${kernel.join('x')}${stride}`;
}
