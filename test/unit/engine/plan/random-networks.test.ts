import assert from 'node:assert/strict';
import { test } from 'node:test';
import { optimise } from '../../../../src/engine/graph/optimise.js';
import type { Graph } from '../../../../src/engine/graph/types.js';
import { planGraph } from '../../../../src/engine/plan/plan-graph.js';
import type { Isa, Plan } from '../../../../src/native/index.js';
import { loadNative } from '../../../../src/native/index.js';
import type { Tensor } from '../../../support/interpret-graph.js';
import { interpretGraph, relativeError } from '../../../support/interpret-graph.js';
import { interpretPlan } from '../../../support/interpret-plan.js';
import { graphOf, imageFor, tolerance } from '../graph/graphs.js';
import { randomModel } from '../graph/random-model.js';
import { buildModel } from '../synthetic.js';
import { randomGraph } from './random-graph.js';

// Plans against the graph that they come from: as plain loops, and by the addon where it is built.

const models = Number(process.env.HEADWATER_TEST_MODELS ?? 60);

function planOf(graph: Graph, what: string): Plan {
  const result = planGraph(graph);
  if (result.kind === 'unsupported') assert.fail(`${what}: ${JSON.stringify(result.problems)}`);
  return result.plan;
}

/** The graph, its plan, an image and what the graph makes of it. */
function prepare(graph: Graph, seed: number): { plan: Plan; image: Tensor; expected: Tensor } {
  const image = imageFor(graph, 1, seed);
  return { plan: planOf(graph, `seed ${seed}`), image, expected: interpretGraph(graph, image) };
}

function assertClose(data: Float32Array, expected: Tensor, what: string): void {
  const error = relativeError({ dims: expected.dims, data }, expected);
  assert.ok(error <= tolerance, `${what}: ${error}`);
}

/** Convolutions that write over the residual which they add. */
function countInPlace({ steps }: Plan): number {
  const residuals = steps.flatMap((step) =>
    (step.kind === 'sparseConv' || step.kind === 'denseConv') && step.residual !== undefined
      ? [{ residual: step.residual, output: step.output }]
      : [],
  );
  return residuals.filter(({ residual, output }) => JSON.stringify(residual) === JSON.stringify(output)).length;
}

test('plans of random networks compute what the graph does', () => {
  let inPlace = 0;
  for (let seed = 1; seed <= models; seed++) {
    const graph = optimise(graphOf(buildModel(randomModel(seed)))).graph;
    const { plan, image, expected } = prepare(graph, seed);
    assertClose(interpretPlan(plan, image.data), expected, `seed ${seed}`);
    inPlace += countInPlace(plan);
  }
  assert.ok(inPlace > 0, `${inPlace} convolutions write over their residual`);
});

test('plans of random graphs with every operation compute what the graph does', () => {
  const kinds = new Set<string>();
  let inPlace = 0;
  for (let seed = 1; seed <= 2 * models; seed++) {
    const { plan, image, expected } = prepare(randomGraph(seed), seed);
    assertClose(interpretPlan(plan, image.data), expected, `seed ${seed}`);
    for (const { kind } of plan.steps) kinds.add(kind);
    inPlace += countInPlace(plan);
  }
  assert.ok(inPlace > 0, `${inPlace} convolutions write over their residual`);
  // All but plainFill, which nothing needs.
  assert.equal(kinds.size, 19, [...kinds].join());
});

const native = loadNative();
const isas: (Isa | 'auto')[] = ['scalar', 'auto'];
for (const isa of isas) {
  const skip = native.kind === 'absent' ? native.reason : false;
  test(`the addon (${isa}) computes what random graphs do`, { skip }, async () => {
    if (native.kind === 'absent') return;
    for (let seed = 1; seed <= 2 * models; seed++) {
      const { plan, image, expected } = prepare(randomGraph(seed), seed);
      const options = { threads: 1 + (seed % 2), isa, normalise: new Float32Array(256 * plan.input.channels) };
      const executor = native.createExecutor(plan, { ...options, pixelChannels: [0, 1, 2] });
      try {
        // Twice the same image: the second run finds in the arena what the first left there.
        const data = new Float32Array(2 * image.data.length);
        data.set(image.data);
        data.set(image.data, image.data.length);
        const { embeddings } = await executor.run([{ kind: 'input', count: 2, data }]);
        assertClose(embeddings.subarray(0, plan.output.length), expected, `seed ${seed}`);
        assertClose(embeddings.subarray(plan.output.length), expected, `seed ${seed}, second image`);
      } finally {
        await executor.close();
      }
    }
  });
}
