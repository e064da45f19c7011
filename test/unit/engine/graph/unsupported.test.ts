import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../../../../src/engine/backbone.js';
import type { ModelSpec, NodeSpec } from '../synthetic.js';
import { buildModel } from '../synthetic.js';
import { graphOf, problemsOf, randomWeights, tryGraph } from './graphs.js';

function spec(nodes: NodeSpec[], more: Partial<ModelSpec> = {}): ModelSpec {
  const output = nodes.at(-1)!.outputs[0]!;
  return { inputs: [{ name: 'x', shape: ['N', 4, 8, 8] }], outputs: [{ name: output }], nodes, ...more };
}

const weights = { w: randomWeights([4, 4, 3, 3], 1), flat: randomWeights([4, 4], 2) };
const relu = (input: string, output: string): NodeSpec => ({
  op: 'Relu',
  name: `relu ${output}`,
  inputs: [input],
  outputs: [output],
});

/** What is said of the node `it`, which reads x and makes y. */
const reasons: [string, Partial<NodeSpec> & { op: string }, RegExp, Partial<ModelSpec>?][] = [
  ['an unknown operator', { op: 'LSTM' }, /this operator/],
  ['an unknown attribute', { op: 'Relu', attributes: { alpha: 1 } }, /the attribute "alpha"/],
  ['an attribute of another type', { op: 'Concat', attributes: { axis: [1] } }, /"axis" is of the wrong type/],
  ['weights that depend on the image', { op: 'Conv', inputs: ['x', 'x'] }, /input 1 depends on the image/],
  ['weights that do not fit', { op: 'Conv', inputs: ['x', 'w'], attributes: { group: 3 } }, /3 groups/],
  [
    'another kernel than the weights',
    { op: 'Conv', inputs: ['x', 'w'], attributes: { kernel_shape: [5, 5] } },
    /kernel_shape/,
  ],
  ['a stride of zero', { op: 'Conv', inputs: ['x', 'w'], attributes: { strides: [0, 1] } }, /strides/],
  ['negative pads', { op: 'Conv', inputs: ['x', 'w'], attributes: { pads: [-1, 0, 0, 0] } }, /pads/],
  ['a window larger than the image', { op: 'MaxPool', attributes: { kernel_shape: [9, 9] } }, /a window of 9 over 8/],
  ['a product over the channels of images', { op: 'MatMul', inputs: ['x', 'flat'] }, /only \[batch, inputs\]/],
  [
    'a reshape that fixes the batch',
    { op: 'Reshape', inputs: ['x', 'to'] },
    /does not keep the images apart/,
    { int64s: { to: [1, -1] } },
  ],
  ['a mean over channels', { op: 'ReduceMean', attributes: { axes: [1] } }, /axes \[1\]/],
  [
    'a linear resize',
    { op: 'Resize', inputs: ['x', '', 'f'], attributes: { mode: { text: 'linear' } } },
    /"linear"/,
    { weights: { f: { dims: [4], values: [1, 1, 2, 2] } } },
  ],
  [
    'a softmax over several axes together',
    { op: 'Softmax', attributes: { axis: 1 } },
    /axes 1, 2, 3 together/,
    { opset: 11 },
  ],
  ['a sum of three', { op: 'Sum', inputs: ['x', 'x', 'x'] }, /at most two/],
  ['a transposition of the batch', { op: 'Transpose', attributes: { perm: [1, 0, 2, 3] } }, /moves the batch/],
  [
    'an output of impossible size',
    { op: 'Pad', inputs: ['x', 'p'] },
    /larger than/,
    { int64s: { p: [0, 0, 65536, 65536, 0, 0, 0, 0] } },
  ],
];

for (const [name, node, reason, more] of reasons) {
  test(`${name} is told with node and operator`, () => {
    const it: NodeSpec = { inputs: ['x'], ...node, name: 'it', outputs: ['y'] };
    const [problem, ...others] = problemsOf(
      spec([it, relu('y', 'z')], { ...more, weights: { ...weights, ...more?.weights } }),
    );
    assert.deepEqual(others, [], 'what comes behind is not judged');
    assert.equal(problem?.node, 'it');
    assert.equal(problem?.operator, node.op);
    assert.match(problem!.reason, reason);
  });
}

test('an output that somebody reads is not left out', () => {
  const nodes: NodeSpec[] = [
    { op: 'Dropout', name: 'drop', inputs: ['x'], outputs: ['y', 'mask'] },
    { op: 'Mul', inputs: ['y', 'mask'], outputs: ['z'] },
  ];
  assert.match(problemsOf(spec(nodes, { opset: 9 }))[0]!.reason, /the mask/);
});

test('all nodes that can not be held are named, but not those that the embedding does not need', () => {
  const odd = (input: string, output: string): NodeSpec => ({
    op: 'LSTM',
    name: output,
    inputs: [input],
    outputs: [output],
  });
  const problems = problemsOf(
    spec([odd('x', 'unread'), odd('x', 'a'), odd('x', 'b'), { op: 'Add', inputs: ['a', 'b'], outputs: ['y'] }]),
  );
  assert.deepEqual(
    problems.map(({ node }) => node),
    ['a', 'b'],
  );
});

test('a model is refused as a whole for its operator set or its input', () => {
  const nodes = [relu('x', 'y')];
  assert.match(problemsOf(spec(nodes, { opset: 6 }))[0]!.reason, /operator set 6/);
  assert.match(problemsOf(spec(nodes, { opset: 22 }))[0]!.reason, /operator set 22/);
  assert.match(problemsOf(spec(nodes, { inputs: [{ name: 'x', shape: ['N', 4] }] }))[0]!.reason, /2 dimensions/);
  assert.match(problemsOf(spec(nodes, { inputs: [{ name: 'x', shape: ['N', 4, 'H', 8] }] }))[0]!.reason, /height/);
  const huge = { inputs: [{ name: 'x', shape: ['N', 3, 2 ** 31, 2 ** 31] }] };
  assert.match(problemsOf(spec(nodes, huge))[0]!.reason, /larger than/);
});

test('a constant embedding is no embedding', () => {
  const constant: NodeSpec = { op: 'Identity', inputs: ['w'], outputs: ['y'] };
  assert.match(problemsOf(spec([constant], { weights }))[0]!.reason, /does not depend on the image/);
});

const contradictions: [string, NodeSpec[], RegExp][] = [
  [
    'a node that needs its own result',
    [{ op: 'Add', name: 'loop', inputs: ['x', 'b'], outputs: ['a'] }, relu('a', 'b')],
    /"loop" \(Add\).*own result/,
  ],
  ['a tensor that is made twice', [relu('x', 'a'), relu('x', 'a')], /"relu a" \(Relu\) makes "a"/],
  ['a tensor that an initialiser makes already', [relu('x', 'w')], /makes "w"/],
  ['an input that nothing makes', [relu('ghost', 'a')], /reads "ghost"/],
];

for (const [name, nodes, message] of contradictions) {
  test(`${name}: the file is refused, and the node named`, () => {
    const bytes = buildModel(spec(nodes, { weights }));
    assert.throws(
      () => tryGraph(bytes),
      (error) => error instanceof EngineError && error.code === 'model_unreadable' && message.test(error.message),
    );
  });
}

test('nodes in the wrong order are put right', () => {
  const graph = graphOf(buildModel({ ...spec([relu('a', 'b'), relu('x', 'a')]), outputs: [{ name: 'b' }] }));
  assert.deepEqual(
    graph.nodes.map(({ output }) => output),
    ['a', 'b'],
  );
});

test('constants that double their length again and again are stopped', () => {
  const nodes: NodeSpec[] = Array.from({ length: 60 }, (_, index) => ({
    op: 'Concat',
    name: `double ${index}`,
    inputs: [`c${index}`, `c${index}`],
    outputs: [`c${index + 1}`],
    attributes: { axis: 0 },
  }));
  nodes.push({ op: 'Add', inputs: ['x', 'c60'], outputs: ['y'] });
  const problems = problemsOf(spec(nodes, { weights: { c0: { dims: [1], values: [1] } } }));
  assert.match(problems.at(-1)!.reason, /grow beyond/);
  assert.match(problems.at(-1)!.node, /double \d+/);
});

test('activations that double their channels again and again are stopped', () => {
  const nodes: NodeSpec[] = Array.from({ length: 60 }, (_, index) => ({
    op: 'Concat',
    inputs: [index === 0 ? 'x' : `c${index}`, index === 0 ? 'x' : `c${index}`],
    outputs: [`c${index + 1}`],
    attributes: { axis: 1 },
  }));
  assert.match(problemsOf(spec(nodes))[0]!.reason, /channels|larger than/);
});

test('a long chain in reverse order is no deep recursion', () => {
  const nodes = Array.from({ length: 9000 }, (_, index) => relu(index === 0 ? 'x' : `t${index}`, `t${index + 1}`));
  const graph = graphOf(buildModel({ ...spec(nodes.toReversed()), outputs: [{ name: 't9000' }] }));
  assert.equal(graph.nodes.length, 9000);
});

test('more nodes than any network has are refused', () => {
  const nodes = Array.from({ length: 10_001 }, (_, index) => relu(index === 0 ? 'x' : `t${index}`, `t${index + 1}`));
  assert.throws(() => tryGraph(buildModel(spec(nodes))), /10001 nodes; 10000 is the limit/);
});
