import assert from 'node:assert/strict';
import { test } from 'node:test';
import { optimise } from '../../../../src/engine/graph/optimise.js';
import { planGraph } from '../../../../src/engine/plan/plan-graph.js';
import { interpretGraph, relativeError } from '../../../support/interpret-graph.js';
import { interpretPlan } from '../../../support/interpret-plan.js';
import { graphOf, imageFor, tolerance } from '../graph/graphs.js';
import { randomModel } from '../graph/random-model.js';
import { buildModel } from '../synthetic.js';

test('plans of random networks compute what the graph does', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const graph = optimise(graphOf(buildModel(randomModel(seed)))).graph;
    const result = planGraph(graph);
    assert.equal(result.kind, 'plan', JSON.stringify('problems' in result ? result.problems : ''));
    if (result.kind !== 'plan') continue;
    const image = imageFor(graph, 1, seed);
    const expected = interpretGraph(graph, image);
    const data = interpretPlan(result.plan, image.data);
    const error = relativeError({ dims: expected.dims, data }, expected);
    assert.ok(error <= tolerance, `seed ${seed}: ${error}`);
  }
});
