import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planMemory } from '../../../../src/engine/graph/memory.js';
import { optimise } from '../../../../src/engine/graph/optimise.js';
import type { Graph, GraphNode } from '../../../../src/engine/graph/types.js';
import { buildModel } from '../synthetic.js';
import { graphOf } from './graphs.js';
import { randomModel } from './random-model.js';

const relu = (input: string, output: string, channels: number): GraphNode => ({
  name: output,
  operation: { type: 'Activation', activation: { kind: 'relu' } },
  inputs: [input],
  output,
  shape: ['N', channels, 4, 4],
});

test('a chain takes two places in turn', () => {
  // 16 pixels of 4 bytes: 64 bytes a channel.
  const graph: Graph = {
    input: { name: 'x', shape: ['N', 1, 4, 4] },
    nodes: [relu('x', 'a', 2), relu('a', 'b', 1), relu('b', 'c', 2)],
    output: 'c',
  };
  const plan = planMemory(graph);
  assert.deepEqual(plan.placements, [
    { tensor: 'x', offset: 128, bytes: 64, from: -1, to: 0 },
    { tensor: 'a', offset: 0, bytes: 128, from: 0, to: 1 },
    { tensor: 'b', offset: 128, bytes: 64, from: 1, to: 2 },
    { tensor: 'c', offset: 0, bytes: 128, from: 2, to: 3 },
  ]);
  assert.equal(plan.bytes, 192);
  assert.equal(plan.lowerBound, 192);
});

test('a reshape has no place of its own and keeps what it reshapes alive', () => {
  const graph: Graph = {
    input: { name: 'x', shape: ['N', 1, 4, 4] },
    nodes: [
      relu('x', 'a', 1),
      { name: 'r', operation: { type: 'Reshape' }, inputs: ['a'], output: 'r', shape: ['N', 16] },
      relu('x', 'b', 1),
      {
        name: 'sum',
        operation: { type: 'Binary', operator: 'Add', activation: undefined },
        inputs: ['r', 'b'],
        output: 'y',
        shape: ['N', 16],
      },
    ],
    output: 'y',
  };
  const { placements } = planMemory(graph);
  assert.deepEqual(
    placements.map(({ tensor, from, to }) => [tensor, from, to]),
    [
      ['x', -1, 2],
      ['a', 0, 3],
      ['b', 2, 3],
      ['y', 3, 4],
    ],
  );
});

test('in random networks nothing that is alive at the same time overlaps', () => {
  let pairs = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const plan = planMemory(optimise(graphOf(buildModel(randomModel(seed)))).graph);
    assert.ok(plan.bytes >= plan.lowerBound);
    for (const [index, left] of plan.placements.entries()) {
      assert.equal(left.offset % 64, 0);
      assert.ok(left.offset + left.bytes <= plan.bytes);
      for (const right of plan.placements.slice(index + 1)) {
        if (left.to < right.from || right.to < left.from) continue;
        pairs++;
        const apart = left.offset + left.bytes <= right.offset || right.offset + right.bytes <= left.offset;
        assert.ok(apart, `${left.tensor} and ${right.tensor} with seed ${seed}`);
      }
    }
  }
  assert.ok(pairs > 300, `${pairs} pairs`);
});
