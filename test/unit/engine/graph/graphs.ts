import assert from 'node:assert/strict';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { buildGraph } from '../../../../src/engine/graph/build.js';
import type { Unsupported } from '../../../../src/engine/graph/refusal.js';
import type { Graph, GraphNode } from '../../../../src/engine/graph/types.js';
import { indexGraph } from '../../../../src/engine/onnx/graph.js';
import { readOnnx } from '../../../../src/engine/onnx/read.js';
import { seededRandom } from '../../../../src/server/data/random.js';
import type { Tensor } from '../../../support/interpret-graph.js';
import { interpretGraph, relativeError } from '../../../support/interpret-graph.js';
import type { ModelSpec } from '../synthetic.js';
import { buildModel } from '../synthetic.js';

/** What every pass and the whole must keep to: max |difference| / max |reference|. */
export const tolerance = 1e-5;

export function tryGraph(bytes: Uint8Array, output?: string) {
  const model = readOnnx(bytes, 'test.onnx');
  const index = indexGraph(model.graph);
  return buildGraph(model, index, { output: output ?? model.graph.outputs[0]!.name, file: 'test.onnx' });
}

export function graphOf(bytes: Uint8Array, output?: string): Graph {
  const result = tryGraph(bytes, output);
  assert.equal(result.kind, 'graph', JSON.stringify('problems' in result ? result.problems : ''));
  return (result as Extract<typeof result, { kind: 'graph' }>).graph;
}

export function problemsOf(spec: ModelSpec): readonly Unsupported[] {
  const result = tryGraph(buildModel(spec));
  return result.kind === 'unsupported' ? result.problems : [];
}

/** Values from -1 to 1, the same for the same seed. */
export function randomTensor(dims: readonly number[], seed: number): Tensor {
  const random = seededRandom(seed);
  const length = dims.reduce((product, side) => product * side, 1);
  return { dims, data: Float32Array.from({ length }, () => 2 * random() - 1) };
}

/** `values` numbers from -1 to 1 for a weight. */
export function randomWeights(dims: number[], seed: number): { dims: number[]; values: number[] } {
  return { dims, values: Array.from(randomTensor(dims, seed).data) };
}

export function imageFor(graph: Graph, batch: number, seed: number): Tensor {
  return randomTensor(
    graph.input.shape.map((length) => (length === 'N' ? batch : length)),
    seed,
  );
}

/** Asserts that two graphs compute the same from a batch of two random images. */
export function assertSameFunction(before: Graph, after: Graph, what: string): void {
  const image = imageFor(before, 2, 99);
  const error = relativeError(interpretGraph(after, image), interpretGraph(before, image));
  assert.ok(error <= tolerance, `${what}: ${error}`);
}

/** Asserts that the graph computes what ONNX Runtime does with the file. */
export async function assertLikeOnnxRuntime(bytes: Uint8Array, graph: Graph, output: string, batch = 2): Promise<void> {
  const image = imageFor(graph, batch, 5);
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1, graphOptimizationLevel: 'disabled' });
  try {
    const feeds = { [graph.input.name]: new OrtTensor('float32', image.data, image.dims) };
    const expected = (await session.run(feeds, [output]))[output]!;
    const actual = interpretGraph(graph, image);
    assert.deepEqual(actual.dims, expected.dims);
    const error = relativeError(actual, { data: expected.data as Float32Array });
    assert.ok(error <= tolerance, `${error} off`);
  } finally {
    await session.release();
  }
}

export function nodeTypes(graph: Graph): string[] {
  return graph.nodes.map(({ operation }) => operation.type);
}

export function findNode(graph: Graph, name: string): GraphNode {
  const node = graph.nodes.find((candidate) => candidate.name === name);
  assert.ok(node, `no node ${name}`);
  return node;
}
