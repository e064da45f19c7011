import type { Backbone, Images } from './backbone.js';
import type { TrialOutcome } from './choose-engine.js';
import { fewestPairs, mostDisagreement } from './choose-engine.js';
import { noisePixels } from './noise.js';
import { relativeDifference } from './statistics.js';
import { reasonOf } from './text.js';
import type { TimedRun } from './timed-pairs.js';
import { timePairs } from './timed-pairs.js';

/** A trial lasts about a second, or twelve images on each engine where those take longer. */
const budgetMs = 1000;
const mostPairs = 99;

/**
 * Compares the same network on both engines, as the service uses them: one image of decoded pixels at a time, from call to answer. Two runs
 * of each warm up and are compared; then they are timed in interleaved pairs, at least nine, for about a second.
 */
export async function runTrial(sparse: Backbone, onnxruntime: Backbone): Promise<TrialOutcome> {
  const { size } = sparse.image;
  try {
    const own = await attempt('sparse', () => warmUp(sparse, size));
    const reference = await attempt('onnxruntime', () => warmUp(onnxruntime, size));
    const disagreement = relativeDifference(own, reference);
    if (!(disagreement <= mostDisagreement)) return { kind: 'timed', disagreement, pairs: [] };
    const timed = noisePixels(3 * size * size, 3);
    const run = (engine: 'sparse' | 'onnxruntime', backbone: Backbone): TimedRun => {
      // A new array each time: calls keep what they are given.
      return () => attempt(engine, () => timeCall(backbone, timed.slice()));
    };
    const pairs = await timePairs(run('sparse', sparse), run('onnxruntime', onnxruntime), {
      fewest: fewestPairs,
      most: mostPairs,
      budgetMs,
    });
    return { kind: 'timed', disagreement, pairs };
  } catch (error) {
    if (error instanceof Failure) return { kind: 'failed', engine: error.engine, reason: error.message };
    throw error;
  }
}

/** Inner signal: which engine failed. */
class Failure extends Error {
  constructor(
    readonly engine: 'sparse' | 'onnxruntime',
    cause: unknown,
  ) {
    super(reasonOf(cause), { cause });
  }
}

async function attempt<T>(engine: 'sparse' | 'onnxruntime', run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw new Failure(engine, error);
  }
}

/** Two images, so that a batch is compared, too. */
async function warmUp(backbone: Backbone, size: number): Promise<Float32Array> {
  await backbone.embed([trialImage(size, 1)]);
  return (await backbone.embed([trialImage(size, 1), trialImage(size, 2)])).embeddings;
}

async function timeCall(backbone: Backbone, data: Uint8Array<ArrayBuffer>): Promise<number> {
  const start = performance.now();
  await backbone.embed([{ kind: 'pixels', count: 1, data }]);
  return performance.now() - start;
}

function trialImage(size: number, seed: number): Images {
  return { kind: 'pixels', count: 1, data: noisePixels(3 * size * size, seed) };
}
