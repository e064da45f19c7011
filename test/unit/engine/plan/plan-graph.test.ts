import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { optimise } from '../../../../src/engine/graph/optimise.js';
import type { Convolution, Graph, Operation, Shape } from '../../../../src/engine/graph/types.js';
import { planGraph } from '../../../../src/engine/plan/plan-graph.js';
import type { Plan } from '../../../../src/native/index.js';
import { tinyModel } from '../fixtures.js';
import { graphOf } from '../graph/graphs.js';
import type { NodeSpec } from './small-graphs.js';
import { add, conv, graph, kindsOf, plan, relu } from './small-graphs.js';

test('the tiny model: every step belongs to one layer, and sparse layers say how sparse they are', () => {
  const { graph } = optimise(graphOf(readFileSync(tinyModel)));
  const planned = plan(graph);
  const names = planned.layers.map(({ node }) => node);
  assert.deepEqual(names, ['', ...graph.nodes.map(({ name }) => name)]);
  let end = 0;
  for (const { steps } of planned.layers) {
    assert.equal(steps[0], end);
    end = steps[1];
  }
  assert.equal(end, planned.plan.steps.length);
  const second = planned.layers[2]!;
  assert.equal(second.kernel, 'sparse 3x3');
  assert.equal(second.reason, '10.0 % non-zero: skips zeros');
  assert.equal(second.layout, '4x4 tiles of 12x12, halo 1');
  assert.equal(planned.layers.at(-1)!.layout, 'plain');
});

test('kernels are chosen by what is left of the weights', () => {
  const image: Shape = ['N', 16, 14, 14];
  const choose = (operation: Convolution) => {
    const { layer, layers } = plan(
      graph(['N', operation.weightShape[1] * operation.group, 14, 14], [['y', operation, ['x'], image]]),
    );
    assert.ok(layers.length >= 2);
    return `${layer('y').kernel}: ${layer('y').reason}`;
  };
  assert.equal(choose(conv(16, 16, { density: 0.1 })), 'sparse 3x3: 10.0 % non-zero: skips zeros');
  assert.equal(choose(conv(16, 16, { density: 0.75 })), 'dense, Winograd 3x3: 75.0 % non-zero: dense is faster');
  assert.match(
    choose(conv(3, 16, { density: 0.4 })),
    /^dense.* 3x3: 39\.8 % non-zero: few input channels: dense is faster$/,
  );
  assert.equal(choose(conv(16, 16, { group: 16 })), 'depthwise 3x3: one input channel a filter');
  assert.equal(choose(conv(16, 16, { group: 4, density: 0.9 })).split(':')[0], 'dense 3x3, 4 groups');
});

test('a residual block: the halo is filled in place, and nothing is copied', () => {
  const shape: Shape = ['N', 8, 28, 28];
  const last = { ...conv(8, 8, { density: 0.2 }), residual: true };
  const planned = plan(
    graph(
      ['N', 3, 28, 28],
      [
        ['stem', conv(3, 8), ['x'], shape],
        ['a', conv(8, 8, { density: 0.2 }), ['stem'], shape],
        ['b', last, ['a', 'stem'], shape],
        ['mean', { type: 'GlobalAveragePool' }, ['b'], ['N', 8, 1, 1]],
      ],
    ),
  );
  assert.deepEqual(
    planned.plan.steps.map(({ kind }) => kind),
    ['input', 'denseConv', 'shuffle', 'sparseConv', 'shuffle', 'sparseConv', 'globalAverage'],
  );
  for (const step of planned.plan.steps) if (step.kind === 'shuffle') assert.deepEqual(step.input, step.output);
});

test('a strided convolution reads the tiles as they are where they fit, else a copy that strided neighbours share', () => {
  const planned = plan(
    graph(
      ['N', 4, 28, 28],
      [
        ['a', conv(4, 8), ['x'], ['N', 8, 28, 28]],
        ['b', conv(8, 8, { stride: 2 }), ['a'], ['N', 8, 14, 14]],
        ['c', conv(8, 8, { stride: 2, pads: [1, 1, 1, 1] }), ['a'], ['N', 8, 14, 14]],
        ['short', conv(8, 8, { side: 1, stride: 2 }), ['a'], ['N', 8, 14, 14]],
        ['sum', add, ['b', 'c'], ['N', 8, 14, 14]],
        ['all', add, ['sum', 'short'], ['N', 8, 14, 14]],
      ],
    ),
  );
  const { layer } = planned;
  assert.deepEqual(kindsOf(planned.plan, layer('b').steps), ['shuffle', 'denseConv']);
  assert.deepEqual(kindsOf(planned.plan, layer('c').steps), ['denseConv'], 'the copy of b serves c');
  // Only the pixels that a 1x1 kernel reads: it has no stride then.
  const [, short] = planned.plan.steps.slice(...layer('short').steps);
  assert.deepEqual(short?.kind === 'denseConv' && short.strides, [1, 1]);
  const fitting = plan(
    graph(
      ['N', 4, 56, 56],
      [
        ['a', conv(4, 4), ['x'], ['N', 4, 56, 56]],
        ['short', conv(4, 8, { side: 1, stride: 2 }), ['a'], ['N', 8, 28, 28]],
      ],
    ),
  );
  assert.deepEqual(kindsOf(fitting.plan, fitting.layer('short').steps), ['denseConv']);
});

test('concatenations that list features again and again cost no copies', () => {
  const maps = (channels: number): Shape => ['N', channels, 10, 10];
  const concat: Operation = { type: 'Concat', axis: 1 };
  const planned = plan(
    graph(
      ['N', 3, 10, 10],
      [
        ['a', conv(3, 4), ['x'], maps(4)],
        ['b', conv(4, 4), ['a'], maps(4)],
        ['ab', concat, ['a', 'b'], maps(8)],
        ['c', conv(8, 4), ['ab'], maps(4)],
        ['abc', concat, ['a', 'b', 'c'], maps(12)],
        ['d', conv(12, 4), ['abc'], maps(4)],
        ['abcd', concat, ['a', 'b', 'c', 'd'], maps(16)],
      ],
    ),
  );
  for (const name of ['ab', 'abc', 'abcd']) {
    assert.equal(planned.layer(name).kernel, 'view', name);
    assert.deepEqual(kindsOf(planned.plan, planned.layer(name).steps), []);
  }
});

test('an activation works in place only where nobody else reads what it changes', () => {
  const maps = (channels: number): Shape => ['N', channels, 10, 10];
  const shared = plan(
    graph(
      ['N', 3, 10, 10],
      [
        ['a', conv(3, 4), ['x'], maps(4)],
        ['b', conv(3, 4), ['x'], maps(4)],
        ['ab', { type: 'Concat', axis: 1 }, ['a', 'b'], maps(8)],
        ['r', relu, ['ab'], maps(8)],
        ['late', conv(4, 8), ['a'], maps(8)],
        ['sum', add, ['r', 'late'], maps(8)],
      ],
    ),
  );
  // `a` is read after r: it can't lie in what r writes over.
  assert.equal(shared.layer('ab').reason, '1 of 2 parts lie elsewhere');
  const step = shared.plan.steps[shared.layer('r').steps[0]]!;
  assert.ok(step.kind === 'pointwise');
  assert.deepEqual(step.input, step.output);
});

test('one halo serves convolutions and maxima of values that are never negative; others get a copy', () => {
  const maps: Shape = ['N', 4, 12, 12];
  const pool: Operation = {
    type: 'MaxPool',
    kernel: [3, 3],
    strides: [1, 1],
    dilations: [1, 1],
    pads: [1, 1, 1, 1],
    countPadding: false,
  };
  const build = (activation: Convolution['activation']) =>
    plan(
      graph(
        ['N', 3, 12, 12],
        [
          ['a', { ...conv(3, 4), activation }, ['x'], maps],
          ['b', conv(4, 4), ['a'], maps],
          ['c', pool, ['a'], maps],
          ['sum', add, ['b', 'c'], maps],
        ],
      ),
    );
  const shuffles = ({ steps }: Plan) => steps.flatMap((step) => (step.kind === 'shuffle' ? [step.fill] : []));
  assert.deepEqual(shuffles(build({ kind: 'relu' }).plan), [0]);
  assert.deepEqual(shuffles(build(undefined).plan), [0, Number.NEGATIVE_INFINITY]);
});

test('a Pad becomes padding of what reads it', () => {
  const planned = plan(
    graph(
      ['N', 3, 14, 14],
      [
        ['pad', { type: 'Pad', pads: [0, 0, 1, 1], value: 0 }, ['x'], ['N', 3, 15, 15]],
        ['y', conv(3, 4, { stride: 2, pads: [0, 0, 0, 0] }), ['pad'], ['N', 4, 7, 7]],
      ],
    ),
  );
  assert.equal(planned.layer('pad').reason, 'padding of what reads it');
  assert.deepEqual(
    planned.plan.steps.map(({ kind }) => kind),
    ['input', 'denseConv', 'toPlain'],
  );
  const twice = plan(
    graph(
      ['N', 3, 8, 8],
      [
        ['outer', { type: 'Pad', pads: [1, 1, 1, 1], value: 0 }, ['x'], ['N', 3, 10, 10]],
        ['inner', { type: 'Pad', pads: [1, 0, 0, 1], value: 0 }, ['outer'], ['N', 3, 11, 11]],
        ['y', conv(3, 4, { pads: [0, 0, 0, 0] }), ['inner'], ['N', 4, 9, 9]],
      ],
    ),
  );
  assert.equal(twice.layer('outer').kernel, 'shuffle');
  assert.equal(twice.layer('inner').kernel, 'view');
});

test("the caller's image is laid out in tiles that hold all of it", () => {
  for (const side of [9, 10, 11, 12, 21, 45]) {
    const out = Math.floor((side - 3) / 2) + 1;
    const y = conv(3, 4, { stride: 2, pads: [0, 0, 0, 0] });
    const { steps } = plan(graph(['N', 3, side, side], [['y', y, ['x'], ['N', 4, out, out]]])).plan;
    const inputs = steps.flatMap((step) => (step.kind === 'input' ? [step] : []));
    assert.equal(inputs.length, 1);
    const { grid, output } = inputs[0]!;
    assert.ok(grid.rows * output.rows >= side && grid.columns * output.columns >= side, `${side}`);
  }
});

test('what a plan can not hold is named', () => {
  const problems = (given: Graph) => {
    const result = planGraph(given);
    return result.kind === 'unsupported' ? result.problems : [];
  };
  const pooled: NodeSpec = ['y', { type: 'GlobalAveragePool' }, ['x'], [4, 3, 1, 1]];
  assert.deepEqual(problems(graph([4, 3, 8, 8], [pooled])), [
    { node: '', operator: 'input', reason: 'the file fixes a batch of 4: a plan takes one image at a time' },
  ]);
  const turned = problems(graph(['N', 3, 8, 8], [['t', { type: 'Reshape' }, ['x'], [192, 'N']]]));
  assert.deepEqual(turned, [
    { node: 't', operator: 'Reshape', reason: 'its output [192, N] does not have the batch in front' },
  ]);
  // One image cut into four: what comes behind is not judged.
  const cut = problems(
    graph(
      [1, 4, 8, 8],
      [
        ['four', { type: 'Reshape' }, ['x'], [4, 1, 8, 8]],
        ['y', conv(1, 2), ['four'], [4, 2, 8, 8]],
        ['z', relu, ['y'], [4, 2, 8, 8]],
      ],
    ),
  );
  assert.deepEqual(
    cut.map(({ node }) => node),
    ['y'],
  );
  const wide = { ...conv(1, 1, { side: 1 }), strides: [2000, 1] } as Convolution;
  assert.match(problems(graph(['N', 1, 8, 8], [['y', wide, ['x'], ['N', 1, 1, 8]]]))[0]!.reason, /more than 1024/);
});
