// The entry file of the worker thread that folds training logs, so that learning never holds up the event loop.
import { parentPort } from 'node:worker_threads';
import { ThreadTrainer } from '../learners/refit/fit/thread-trainer.js';
import { LearnerError } from '../types.js';
import { FoldHost } from './fold-host.js';
import type { Failure, Request, Response } from './protocol.js';

const port = parentPort;
if (port === null) throw new Error('src/learner/fold/worker.ts is the entry of a worker thread: start it by FoldPool');

/** The thread for refits starts with the first of them, and ends with this one. */
const host = new FoldHost({ trainer: new ThreadTrainer() });

port.on('message', async (request: Request) => {
  let response: Response;
  try {
    response = { id: request.id, result: await host.call(request.method, request.arguments) };
  } catch (error) {
    response = { id: request.id, failure: failureOf(error) };
  }
  port.postMessage(response, transferable(response));
});

function failureOf(error: unknown): Failure {
  if (error instanceof LearnerError) return { message: error.message, code: error.code };
  return error instanceof Error ? { message: error.message, stack: error.stack } : { message: String(error) };
}

/** A snapshot's bytes are made for the caller: they are moved to its thread, not copied. */
function transferable(response: Response): ArrayBuffer[] {
  if (!('result' in response) || response.result === null || !('model' in response.result)) return [];
  const { model, state } = response.result;
  return state === null ? [model.buffer] : [model.buffer, state.buffer];
}
