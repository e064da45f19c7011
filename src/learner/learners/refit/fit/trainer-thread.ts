// The entry file of the thread that does refits: each takes up to seconds, and folding must go on meanwhile.
import { parentPort } from 'node:worker_threads';
import { fit } from './fit.js';
import { buffersOf, type TrainerReply, type TrainerRequest } from './trainer-messages.js';

const port = parentPort;
if (port === null)
  throw new Error('src/learner/learners/trainer-thread.ts is the entry of a worker thread: start it by ThreadTrainer');

port.on('message', ({ id, job }: TrainerRequest) => {
  let reply: TrainerReply;
  try {
    reply = { id, result: fit(job) };
  } catch (error) {
    reply = { id, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  port.postMessage(reply, 'result' in reply ? buffersOf(reply.result) : []);
});
