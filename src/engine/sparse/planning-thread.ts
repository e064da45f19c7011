import { Worker } from 'node:worker_threads';
import type { BackboneOptions } from '../backbone.js';
import { reasonOf } from '../text.js';
import type { PlanReply } from './messages.js';

const workerEntry = new URL('./worker.js', import.meta.url);

/**
 * Plans a model in a thread of its own: the event loop stays free, and the memory of file, graph and weights is given back with the
 * thread, which has ended when this returns. Never rejects: a thread that dies (of too little memory, mostly) has no plan.
 */
export async function planInThread(options: BackboneOptions): Promise<PlanReply> {
  const worker = new Worker(workerEntry, { name: `headwater plan ${options.name}`, workerData: options });
  try {
    return await new Promise<PlanReply>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('messageerror', reject);
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new Error(`it ended with code ${code}`)));
    });
  } catch (error) {
    return { kind: 'unsupported', reason: `the planning thread died (${reasonOf(error)})` };
  } finally {
    await worker.terminate();
  }
}
