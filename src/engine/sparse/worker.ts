import { parentPort, workerData } from 'node:worker_threads';
import type { BackboneOptions } from '../backbone.js';
import { planModel } from './plan-model.js';

// Entry of the planning thread: one model, one answer. All that reading and packing took goes with the thread.

const port = parentPort;
if (port === null) throw new Error('src/engine/sparse/worker.ts runs as a worker thread only');

const reply = await planModel(workerData as BackboneOptions);
port.postMessage(reply, reply.kind === 'planned' ? [reply.plan.constants.buffer as ArrayBuffer] : []);
