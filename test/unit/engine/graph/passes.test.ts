import assert from 'node:assert/strict';
import { test } from 'node:test';
import { optimise, passes } from '../../../../src/engine/graph/optimise.js';
import type { Convolution, Graph } from '../../../../src/engine/graph/types.js';
import type { ModelSpec, NodeSpec } from '../synthetic.js';
import { buildModel } from '../synthetic.js';
import { assertSameFunction, findNode, graphOf, nodeTypes, randomWeights } from './graphs.js';
import { randomModel } from './random-model.js';

function model(nodes: NodeSpec[], weights: ModelSpec['weights'] = {}): Graph {
  const output = nodes.at(-1)!.outputs[0]!;
  const inputs = [{ name: 'x', shape: ['N', 4, 8, 8] }];
  const all = { ...parameters, ...weights };
  return graphOf(buildModel({ inputs, outputs: [{ name: output }], nodes, weights: all }));
}

const parameters = {
  w1: randomWeights([4, 4, 3, 3], 1),
  w2: randomWeights([4, 4, 3, 3], 2),
  w3: randomWeights([4, 4, 1, 1], 3),
  g: randomWeights([4], 4),
  b: randomWeights([4], 5),
  m: randomWeights([4], 6),
  v: { dims: [4], values: [1, 2, 3, 4] },
  zero: { dims: [4], values: [0, 0, 0, 0] },
};
const padded = { pads: [1, 1, 1, 1] };
const conv = (name: string, input: string, weights: string, output: string, attributes = {}): NodeSpec => ({
  op: 'Conv',
  name,
  inputs: [input, weights],
  outputs: [output],
  attributes,
});
const norm = (name: string, input: string, output: string, beta = 'b', mean = 'm'): NodeSpec => ({
  op: 'BatchNormalization',
  name,
  inputs: [input, 'g', beta, mean, 'v'],
  outputs: [output],
});
const relu = (input: string, output: string): NodeSpec => ({ op: 'Relu', inputs: [input], outputs: [output] });
const add = (left: string, right: string, output: string): NodeSpec => ({
  op: 'Add',
  inputs: [left, right],
  outputs: [output],
});

/** What each pass changed, by its name; the optimised graph computes the same. */
function changesOf(graph: Graph): { changes: Record<string, number>; graph: Graph } {
  const optimised = optimise(graph);
  assertSameFunction(graph, optimised.graph, 'optimised');
  const changes = Object.fromEntries(
    optimised.applied.filter(({ changes }) => changes > 0).map(({ name, changes }) => [name, changes]),
  );
  return { changes, graph: optimised.graph };
}

test('a normalisation and a Relu behind a convolution become part of it', () => {
  const { changes, graph } = changesOf(
    model([conv('c', 'x', 'w1', 'a', padded), norm('n', 'a', 'b1'), relu('b1', 'y')]),
  );
  assert.deepEqual(changes, { foldScaleShift: 1, fuseActivations: 1 });
  assert.deepEqual(nodeTypes(graph), ['Conv']);
  assert.equal(graph.nodes[0]!.output, 'y');
});

test('a normalisation goes forward into a convolution without padding', () => {
  const { changes, graph } = changesOf(model([relu('x', 'a'), norm('n', 'a', 'b1'), conv('c', 'b1', 'w1', 'y')]));
  assert.deepEqual(changes, { foldScaleShift: 1 });
  assert.deepEqual(nodeTypes(graph), ['Activation', 'Conv']);
});

test('with padding it goes forward only when it shifts nothing', () => {
  const shifted = changesOf(model([relu('x', 'a'), norm('n', 'a', 'b1'), conv('c', 'b1', 'w1', 'y', padded)]));
  assert.deepEqual(nodeTypes(shifted.graph), ['Activation', 'ScaleShift', 'Conv']);
  const scaled = changesOf(
    model([relu('x', 'a'), norm('n', 'a', 'b1', 'zero', 'zero'), conv('c', 'b1', 'w1', 'y', padded)]),
  );
  assert.deepEqual(nodeTypes(scaled.graph), ['Activation', 'Conv']);
});

test('in a pre-activation block the inner normalisation folds, and the one on the sum stays with its Relu', () => {
  const { changes, graph } = changesOf(
    model([
      conv('stem', 'x', 'w3', 'sum0'),
      norm('n1', 'sum0', 'a'),
      relu('a', 'b1'),
      conv('c1', 'b1', 'w1', 'c', padded),
      norm('n2', 'c', 'd'),
      relu('d', 'e'),
      conv('c2', 'e', 'w2', 'f', padded),
      add('f', 'sum0', 'y'),
    ]),
  );
  assert.deepEqual(changes, { foldScaleShift: 1, fuseResiduals: 1, fuseActivations: 2 });
  assert.deepEqual(nodeTypes(graph), ['Conv', 'ScaleShift', 'Conv', 'Conv']);
});

test('what is read twice is left alone', () => {
  const { graph } = changesOf(
    model([conv('c', 'x', 'w3', 'a'), norm('n', 'a', 'b1'), relu('a', 'r'), add('b1', 'r', 'y')]),
  );
  assert.deepEqual(nodeTypes(graph).sort(), ['Activation', 'Binary', 'Conv', 'ScaleShift']);
});

test('of two convolutions that are summed, the later takes the other as its residual', () => {
  const { changes, graph } = changesOf(
    model([
      conv('first', 'x', 'w3', 'a'),
      conv('second', 'x', 'w1', 'b1', padded),
      add('b1', 'a', 's'),
      relu('s', 'y'),
    ]),
  );
  assert.deepEqual(changes, { fuseResiduals: 1, fuseActivations: 1 });
  assert.deepEqual(findNode(graph, 'second').inputs, ['x', 'a']);
  assert.equal((findNode(graph, 'second').operation as Convolution).residual, true);
});

test('a convolution added to itself, or to something that is repeated over the image, takes no residual', () => {
  const twice = changesOf(model([conv('c', 'x', 'w3', 'a'), add('a', 'a', 'y')]));
  assert.deepEqual(nodeTypes(twice.graph), ['Conv', 'Binary']);
  const pooled: NodeSpec = { op: 'GlobalAveragePool', inputs: ['x'], outputs: ['p'] };
  const repeated = changesOf(model([pooled, conv('c', 'x', 'w3', 'a'), add('a', 'p', 'y')]));
  assert.deepEqual(nodeTypes(repeated.graph), ['GlobalAveragePool', 'Conv', 'Binary']);
});

test('x sigmoid(x) becomes SiLU, and joins the convolution', () => {
  const { changes, graph } = changesOf(
    model([
      conv('c', 'x', 'w3', 'a'),
      { op: 'Sigmoid', inputs: ['a'], outputs: ['s'] },
      { op: 'Mul', inputs: ['s', 'a'], outputs: ['y'] },
    ]),
  );
  assert.deepEqual(changes, { recogniseSilu: 1, fuseActivations: 1 });
  assert.deepEqual((graph.nodes[0]!.operation as Convolution).activation, { kind: 'silu' });
});

test('Identity and Dropout go, at the output too', () => {
  const { changes, graph } = changesOf(
    model([
      { op: 'Identity', inputs: ['x'], outputs: ['a'] },
      conv('c', 'a', 'w3', 'b1'),
      { op: 'Dropout', inputs: ['b1'], outputs: ['y'] },
    ]),
  );
  assert.deepEqual(changes, { removeIdentities: 2 });
  assert.deepEqual(graph.nodes[0]!.inputs, ['x']);
  assert.equal(graph.output, 'b1');
});

test('what fed nothing but removed filters goes as well', () => {
  const { changes, graph } = changesOf(
    model(
      [
        relu('x', 'r'),
        conv('empty', 'r', 'none', 'a'),
        conv('c', 'x', 'w3', 'b1'),
        { op: 'Concat', inputs: ['a', 'b1'], outputs: ['s'], attributes: { axis: 1 } },
        conv('last', 's', 'w8', 'y', padded),
      ],
      { none: { dims: [4, 4, 1, 1], values: new Array(16).fill(0) }, w8: randomWeights([2, 8, 3, 3], 8) },
    ),
  );
  assert.deepEqual(changes, { removeZeroFilters: 4, removeDeadNodes: 1 });
  assert.deepEqual(nodeTypes(graph), ['Conv', 'Conv']);
});

test('on random networks with zero filters every pass keeps the function, and all of them find work', () => {
  const found = new Map(passes.map(({ name }) => [name, 0]));
  for (let seed = 1; seed <= 60; seed++) {
    const first = graphOf(buildModel(randomModel(seed)));
    let graph = first;
    for (const { name, apply } of passes) {
      const result = apply(graph);
      assertSameFunction(graph, result.graph, `${name} with seed ${seed}`);
      found.set(name, found.get(name)! + result.changes);
      graph = result.graph;
    }
    assertSameFunction(first, graph, `all passes with seed ${seed}`);
  }
  for (const [name, changes] of found) if (name !== 'removeDeadNodes') assert.ok(changes > 0, `${name} found nothing`);
});
