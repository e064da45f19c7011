import { parentPort } from 'node:worker_threads';
import type { WorkerRequest } from '../../../../src/engine/onnxruntime/messages.js';

// Stands in for the real worker: answers single images, throws at two images and exits at three.

parentPort?.on('message', (request: WorkerRequest) => {
  if (request.kind === 'load') parentPort?.postMessage({ kind: 'loaded', dimensions: 1, batch: undefined });
  if (request.kind === 'close') parentPort?.postMessage({ kind: 'closed' });
  if (request.kind !== 'run') return;
  const count = request.items[0]?.count;
  if (count === 2) throw new Error('the worker fell over');
  if (count === 3) process.exit(7);
  parentPort?.postMessage({ kind: 'embedded', id: request.id, embeddings: Float32Array.of(42), computeMs: 1 });
});
