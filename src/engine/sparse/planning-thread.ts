import { stat } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import type { BackboneOptions, EngineLog } from '../backbone.js';
import { EngineError } from '../backbone.js';
import { reasonOf } from '../text.js';
import type { PlanReply } from './messages.js';

const workerEntry = new URL('./worker.js', import.meta.url);

/** A ResNet-50 takes about a second. */
const longMs = 5000;

export interface PlanningLimits {
  /** After so long, a line tells that planning goes on. */
  readonly tellAfterMs?: number;
  /** Of JavaScript objects: weights are no such. */
  readonly heapMegabytes?: number;
}

/**
 * Plans a model in a thread of its own: the event loop stays free, and the memory of file, graph and weights is given back with the
 * thread, which has ended when this returns. A thread that dies (of too little memory, mostly) has no plan, which is no error.
 *
 * @param log gets a line when this takes long
 * @throws EngineError closed when `options.signal` ends it
 */
export async function planInThread(
  { signal, ...options }: BackboneOptions,
  log: EngineLog,
  limits: PlanningLimits = {},
): Promise<PlanReply> {
  const bytes = await fileBytes(options.model);
  const stopped = () => new EngineError('closed', `backbone ${options.name}: loading was stopped`);
  if (signal?.aborted) throw stopped();
  const worker = new Worker(workerEntry, {
    name: `headwater plan ${options.name}`,
    workerData: options,
    resourceLimits: { maxOldGenerationSizeMb: limits.heapMegabytes ?? heapMegabytes(bytes) },
  });
  const takesLong = setTimeout(
    () => log(`backbone ${options.name}: planning ${options.model} (${(bytes / 1e6).toFixed(1)} MB) takes long`),
    limits.tellAfterMs ?? longMs,
  );
  const stop = () => void worker.terminate();
  signal?.addEventListener('abort', stop);
  try {
    return await new Promise<PlanReply>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('messageerror', reject);
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new Error(`it ended with code ${code}`)));
    });
  } catch (error) {
    if (signal?.aborted) throw stopped();
    return { kind: 'unsupported', reason: `the planning thread died (${reasonOf(error)})` };
  } finally {
    clearTimeout(takesLong);
    signal?.removeEventListener('abort', stop);
    await worker.terminate();
  }
}

/**
 * What planning a file of so many bytes may take in JavaScript objects: many times what real networks take (24 MiB are enough for
 * a ResNet-50 of 102 MB), so that only a file that is made for it ends here, and not with the process.
 */
export function heapMegabytes(bytes: number): number {
  return Math.ceil(256 + (4 * bytes) / 2 ** 20);
}

/** 0 for a file that is not there: the thread says so. */
async function fileBytes(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}
