import { parentPort } from 'node:worker_threads';
import { EngineError } from '../backbone.js';
import { reasonOf } from '../text.js';
import type { LoadRequest, RunRequest, WorkerReply, WorkerRequest } from './messages.js';
import { EmbeddingSession } from './session.js';

// Entry of the worker thread. Requests are taken strictly one after the other: while one runs (and blocks this thread), the next
// waits in the port's queue, its buffers here already.

const port = parentPort;
if (port === null) throw new Error('src/engine/onnxruntime/worker.ts runs as a worker thread only');

let session: EmbeddingSession | undefined;
let last: Promise<void> = Promise.resolve();
port.on('message', (request: WorkerRequest) => {
  last = last.then(() => answer(request));
});

async function answer(request: WorkerRequest): Promise<void> {
  switch (request.kind) {
    case 'load':
      return load(request);
    case 'run':
      return run(request);
    case 'close':
      await session?.release();
      return reply({ kind: 'closed' });
  }
}

async function load(request: LoadRequest): Promise<void> {
  try {
    session = await EmbeddingSession.load(request);
    reply({ kind: 'loaded', dimensions: session.dimensions, batch: session.batch });
  } catch (error) {
    const code = error instanceof EngineError ? error.code : 'model_unsupported';
    reply({ kind: 'load_failed', code, message: reasonOf(error) });
  }
}

async function run({ id, items }: RunRequest): Promise<void> {
  try {
    if (session === undefined) throw new Error('no model is loaded');
    const start = performance.now();
    const embeddings = await session.embed(items);
    const computeMs = performance.now() - start;
    reply({ kind: 'embedded', id, embeddings, computeMs }, [embeddings.buffer]);
  } catch (error) {
    reply({ kind: 'run_failed', id, message: reasonOf(error) });
  }
}

function reply(message: WorkerReply, transfer: ArrayBuffer[] = []): void {
  port?.postMessage(message, transfer);
}
