import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Operation, Shape } from '../../../../src/engine/graph/types.js';
import type { NodeSpec, SmallPlan } from './small-graphs.js';
import { add, conv, graph, plan } from './small-graphs.js';

// A convolution may write over the residual that it adds: where nobody reads that afterwards, and nowhere else. `plan` holds each plan to its
// graph, too, so a wrong place would also show as wrong numbers.

const maps: Shape = ['N', 8, 12, 12];
const half: Shape = ['N', 4, 12, 12];
const concat: Operation = { type: 'Concat', axis: 1 };
const slice: Operation = { type: 'Slice', starts: [0, 2, 0, 0], steps: [1, 1, 1, 1] };

function residual(options: Parameters<typeof conv>[2] = {}): Operation {
  return { ...conv(8, 8, options), residual: true };
}

/** `stem`, a branch `a` of it, and what follows. */
function branched(nodes: NodeSpec[], output?: string): SmallPlan {
  const stem: NodeSpec = ['stem', conv(3, 8), ['x'], maps];
  const a: NodeSpec = ['a', conv(8, 8), ['stem'], maps];
  return plan(graph(['N', 3, 12, 12], [stem, a, ...nodes], output));
}

/** Whether the layer's convolution adds the very memory that it writes. */
function isInPlace({ plan: { steps }, layer }: SmallPlan, name: string): boolean {
  for (const step of steps.slice(...layer(name).steps)) {
    if ((step.kind !== 'sparseConv' && step.kind !== 'denseConv') || step.residual === undefined) continue;
    return JSON.stringify(step.residual) === JSON.stringify(step.output);
  }
  return assert.fail(`${name} adds no residual`);
}

for (const density of [0.2, 1]) {
  const kind = density < 1 ? 'sparse' : 'dense';

  test(`a ${kind} convolution writes over a residual that nobody reads afterwards, and the next one over that`, () => {
    const planned = branched([
      ['b', residual({ density }), ['a', 'stem'], maps],
      ['c', conv(8, 8), ['b'], maps],
      ['d', residual({ density }), ['c', 'b'], maps],
    ]);
    assert.equal(planned.layer('b').kernel, `${kind} 3x3`);
    assert.deepEqual([isInPlace(planned, 'b'), isInPlace(planned, 'd')], [true, true]);
  });

  test(`a ${kind} convolution keeps a residual that is read later`, () => {
    const planned = branched([
      ['b', residual({ density }), ['a', 'stem'], maps],
      ['late', add, ['b', 'stem'], maps],
    ]);
    assert.equal(isInPlace(planned, 'b'), false);
  });
}

test('a residual is kept for a view of it, whose memory is read later', () => {
  const planned = branched([
    ['view', slice, ['stem'], half],
    ['b', residual(), ['a', 'stem'], maps],
    ['late', conv(4, 8), ['view'], maps],
    ['sum', add, ['b', 'late'], maps],
  ]);
  assert.equal(planned.layer('view').kernel, 'view');
  assert.equal(isInPlace(planned, 'b'), false);
});

test('a residual that is the embedding is kept', () => {
  assert.equal(isInPlace(branched([['b', residual(), ['a', 'stem'], maps]], 'stem'), 'b'), false);
});

test('a residual that is the input as well is kept: windows read it while the output is written', () => {
  assert.equal(isInPlace(branched([['b', residual(), ['a', 'a'], maps]]), 'b'), false);
});

test('a convolution in groups keeps its residual: it is run group by group', () => {
  assert.equal(isInPlace(branched([['b', residual({ group: 2 }), ['a', 'stem'], maps]]), 'b'), false);
});

test('a residual that is a Concat is written over; a part of it that is read later lies elsewhere', () => {
  const parts: NodeSpec[] = [
    ['p', conv(8, 4), ['stem'], half],
    ['q', conv(8, 4), ['stem'], half],
    ['both', concat, ['p', 'q'], maps],
    ['b', residual(), ['a', 'both'], maps],
  ];
  const alone = branched(parts);
  assert.deepEqual([isInPlace(alone, 'b'), alone.layer('both').kernel], [true, 'view']);
  const late = branched([...parts, ['late', conv(4, 8), ['p'], maps], ['sum', add, ['b', 'late'], maps]]);
  assert.equal(isInPlace(late, 'b'), true);
  assert.equal(late.layer('both').reason, '1 of 2 parts lie elsewhere');
});

test('a residual that is part of a Concat is written over only where the Concat has a copy', () => {
  const copied = branched([
    ['both', concat, ['stem', 'a'], ['N', 16, 12, 12]],
    ['b', residual(), ['a', 'stem'], maps],
    ['late', conv(16, 8), ['both'], maps],
    ['sum', add, ['b', 'late'], maps],
  ]);
  assert.equal(isInPlace(copied, 'b'), true);
  assert.equal(copied.layer('both').reason, '1 of 2 parts lie elsewhere');
  const later = branched([
    ['b', residual(), ['a', 'stem'], maps],
    ['both', concat, ['stem', 'b'], ['N', 16, 12, 12]],
  ]);
  assert.equal(isInPlace(later, 'b'), false);
});
