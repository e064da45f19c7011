import assert from 'node:assert/strict';
import { test } from 'node:test';
import { removeZeroFilters } from '../../../../src/engine/graph/passes/zero-filters.js';
import type { Graph } from '../../../../src/engine/graph/types.js';
import type { ModelSpec, NodeSpec } from '../synthetic.js';
import { buildModel } from '../synthetic.js';
import { assertSameFunction, findNode, graphOf, randomWeights } from './graphs.js';

type Weights = NonNullable<ModelSpec['weights']>;

/** Random filters, those named all zero. */
function filters(dims: number[], zero: number[], seed: number): { dims: number[]; values: number[] } {
  const { values } = randomWeights(dims, seed);
  const each = values.length / dims[0]!;
  return { dims, values: values.map((value, index) => (zero.includes(Math.floor(index / each)) ? 0 : value)) };
}

/** The graph after the pass, which computes the same; and how many filters went. */
function removed(nodes: NodeSpec[], weights: Weights): { graph: Graph; changes: number } {
  const output = nodes.at(-1)!.outputs[0]!;
  const spec = { inputs: [{ name: 'x', shape: ['N', 3, 7, 7] }], outputs: [{ name: output }], nodes, weights };
  const graph = graphOf(buildModel(spec));
  const result = removeZeroFilters(graph);
  assertSameFunction(graph, result.graph, 'without zero filters');
  return result;
}

function conv(name: string, input: string, output: string, attributes = {}): NodeSpec {
  return { op: 'Conv', name, inputs: [input, `${name}.w`, `${name}.b`], outputs: [output], attributes };
}

function weightShape(graph: Graph, name: string): readonly number[] {
  const { operation } = findNode(graph, name);
  assert.ok(operation.type === 'Conv' || operation.type === 'Linear');
  return operation.weightShape;
}

const padded = { pads: [1, 1, 1, 1] };
const relu = (input: string, output: string): NodeSpec => ({ op: 'Relu', inputs: [input], outputs: [output] });
const base: Weights = {
  'first.w': filters([4, 3, 3, 3], [1, 2], 1),
  'first.b': { dims: [4], values: [0.1, -0.5, 0.7, 0.2] },
  'next.w': filters([2, 4, 3, 3], [], 2),
  'next.b': { dims: [2], values: [0.3, -0.3] },
};

test('a filter whose constant is zero behind the Relu goes, also in front of padding', () => {
  const { graph, changes } = removed([conv('first', 'x', 'a'), relu('a', 'r'), conv('next', 'r', 'y', padded)], base);
  assert.equal(changes, 1);
  assert.deepEqual(weightShape(graph, 'first'), [3, 3, 3, 3]);
  assert.deepEqual(weightShape(graph, 'next'), [2, 3, 3, 3]);
});

test('without padding a constant other than zero goes into the bias', () => {
  const { graph, changes } = removed([conv('first', 'x', 'a'), relu('a', 'r'), conv('next', 'r', 'y')], base);
  assert.equal(changes, 2);
  assert.deepEqual(weightShape(graph, 'next'), [2, 2, 3, 3]);
});

test('filters of the embedding stay, zero or not', () => {
  assert.equal(removed([conv('first', 'x', 'y')], base).changes, 0);
});

test('a filter that nobody reads goes, though it is not zero', () => {
  const next = randomWeights([2, 4, 3, 3], 2);
  for (const offset of [0, 36]) next.values.fill(0, offset + 9, offset + 18);
  const weights = { ...base, 'first.w': filters([4, 3, 3, 3], [], 1), 'next.w': next };
  const { graph, changes } = removed([conv('first', 'x', 'a'), conv('next', 'a', 'y', padded)], weights);
  assert.equal(changes, 1);
  assert.deepEqual(weightShape(graph, 'first'), [3, 3, 3, 3]);
});

test('behind a depthwise convolution, normalisation and pools the whole line goes', () => {
  const weights = {
    ...base,
    'first.b': { dims: [4], values: [0.1, 0, -2, 0.2] },
    'depth.w': filters([4, 1, 3, 3], [3], 3),
    'depth.b': { dims: [4], values: [0.5, 0.5, 0, -1] },
    'next.w': filters([2, 4, 1, 1], [], 2),
    s: { dims: [4, 1, 1], values: [2, -1, 3, 1] },
  };
  const nodes = [
    conv('first', 'x', 'a'),
    relu('a', 'r'),
    conv('depth', 'r', 'd', { ...padded, group: 4 }),
    { op: 'Mul', inputs: ['d', 's'], outputs: ['m'] },
    { op: 'MaxPool', inputs: ['m'], outputs: ['p'], attributes: { kernel_shape: [3, 3], ...padded } },
    conv('next', 'p', 'y'),
  ];
  const { graph, changes } = removed(nodes, weights);
  // 1 and 2 are zero in front of the depthwise filters, 3 is zero in it.
  assert.deepEqual(weightShape(graph, 'first'), [1, 3, 3, 3]);
  assert.deepEqual(weightShape(graph, 'depth'), [1, 1, 3, 3]);
  assert.equal(findNode(graph, 'depth').operation.type === 'Conv' && changes, 6);
});

test('filters of a sum stay as long as one summand varies, and go together', () => {
  const add: NodeSpec = { op: 'Add', inputs: ['a', 'b'], outputs: ['s'] };
  const nodes = [conv('first', 'x', 'a'), conv('second', 'x', 'b'), add, conv('next', 's', 'y')];
  const weights = {
    ...base,
    'second.w': filters([4, 3, 3, 3], [2, 3], 5),
    'second.b': { dims: [4], values: [0, 0, 0.25, 0] },
  };
  const { graph, changes } = removed(nodes, weights);
  assert.equal(changes, 2);
  assert.deepEqual(weightShape(graph, 'second'), [3, 3, 3, 3]);
  assert.deepEqual(weightShape(graph, 'next'), [2, 3, 3, 3]);
});

test('a concatenation loses channels, and inputs that have none left', () => {
  const nodes: NodeSpec[] = [
    conv('first', 'x', 'a'),
    conv('empty', 'x', 'b'),
    { op: 'Concat', inputs: ['b', 'a', 'b'], outputs: ['c'], attributes: { axis: 1 } },
    conv('next', 'c', 'y'),
  ];
  const weights = {
    ...base,
    'empty.w': filters([2, 3, 3, 3], [0, 1], 6),
    'empty.b': { dims: [2], values: [1, -1] },
    'next.w': filters([2, 8, 1, 1], [], 7),
  };
  const { graph, changes } = removed(nodes, weights);
  assert.equal(changes, 4);
  assert.ok(!graph.nodes.some(({ name }) => name === 'empty'));
  assert.deepEqual(findNode(graph, 'next').inputs, ['a'], 'a concatenation of one is none');
});

test('through a Flatten the columns of the matrix go with their channel', () => {
  const nodes: NodeSpec[] = [
    conv('first', 'x', 'a'),
    { op: 'Flatten', inputs: ['a'], outputs: ['f'] },
    { op: 'Gemm', name: 'fc', inputs: ['f', 'fc.w'], outputs: ['y'], attributes: { transB: 1 } },
  ];
  const { graph } = removed(nodes, { ...base, 'fc.w': randomWeights([6, 100], 8) });
  assert.deepEqual(weightShape(graph, 'fc'), [6, 50]);
});

test('a layer that is zero as a whole keeps one channel for those that still read it', () => {
  const weights = { ...base, 'first.w': filters([4, 3, 3, 3], [0, 1, 2, 3], 1) };
  const { graph, changes } = removed([conv('first', 'x', 'a'), relu('a', 'r'), conv('next', 'r', 'y')], weights);
  assert.equal(changes, 3);
  assert.deepEqual(weightShape(graph, 'next'), [2, 1, 3, 3]);
});

test('a constant behind average pooling that counts its padding is not one', () => {
  const pool = (count: number): NodeSpec => ({
    op: 'AveragePool',
    inputs: ['a'],
    outputs: ['p'],
    attributes: { kernel_shape: [3, 3], ...padded, count_include_pad: count },
  });
  assert.equal(removed([conv('first', 'x', 'a'), pool(1), conv('next', 'p', 'y')], base).changes, 0);
  assert.equal(removed([conv('first', 'x', 'a'), pool(0), conv('next', 'p', 'y')], base).changes, 2);
});
