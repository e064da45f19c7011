import assert from 'node:assert/strict';
import type { ImageSettings } from '../../../src/engine/backbone.js';
import type { Graph } from '../../../src/engine/graph/types.js';
import { planGraph } from '../../../src/engine/plan/plan-graph.js';
import { pixelTables } from '../../../src/engine/preprocess.js';
import type { Executor, Isa, Native, Plan, RunItem } from '../../../src/native/index.js';
import { loadNative } from '../../../src/native/index.js';

/** The addon, or undefined with the reason for a test's `skip`. */
export function nativeOrReason(): { native: Native; skip: false } | { native: undefined; skip: string } {
  const native = loadNative();
  return native.kind === 'native' ? { native, skip: false } : { native: undefined, skip: native.reason };
}

/** What a run takes where only normalised values come in. */
const unused: ImageSettings = { size: 1, resize: 1, channels: 'rgb', scale: 255, mean: [0, 0, 0], std: [1, 1, 1] };

/** The plan of an optimised graph, every node of which must be in it. */
export function planWhole(graph: Graph): Plan {
  const result = planGraph(graph);
  assert.equal(result.kind, 'plan', JSON.stringify('problems' in result ? result.problems : ''));
  assert.ok('plan' in result);
  return result.plan;
}

/** Runs `act` with an executor that is closed afterwards. */
export async function withExecutor<T>(
  native: Native,
  plan: Plan,
  { isa, threads, image = unused }: { isa: Isa | 'auto'; threads: number; image?: ImageSettings },
  act: (executor: Executor) => Promise<T>,
): Promise<T> {
  const { values, sources } = pixelTables(image);
  const normalise = Float32Array.from(values.flatMap((table) => [...table]));
  const executor = native.createExecutor(plan, { threads, isa, normalise, pixelChannels: sources });
  try {
    return await act(executor);
  } finally {
    await executor.close();
  }
}

/** The first `count` of a batch of normalised images. */
export function firstImages(data: Float32Array, batch: number, count: number): RunItem {
  return { kind: 'input', count, data: data.slice(0, (data.length / batch) * count) };
}
