// The first batches of a backbone, before anybody waits for one.
import type { Batcher } from '../batching/batcher.js';

/** Batches of each size: the first pays for pages and buffers, the others measure. */
const ROUNDS = 3;

/**
 * Runs batches of one image and full ones, so that the first requests are not slow, and deadlines are judged from the start.
 * @param size images of a full batch
 * @returns milliseconds that it took
 * @throws EngineError when the backbone can't run; the signal's reason when that ended it
 */
export async function warmUp(batcher: Batcher, size: number, signal?: AbortSignal): Promise<number> {
  const start = performance.now();
  for (const count of new Set([1, size])) {
    for (let round = 0; round < ROUNDS; round++) {
      signal?.throwIfAborted();
      await batcher.warmUp(count);
    }
  }
  return performance.now() - start;
}
