// The entry file of the thread that reads one imported file and makes the model of it: half a gigabyte takes seconds, in which nobody would be answered.
import { parentPort, workerData } from 'node:worker_threads';
import { type HeadDefinition, LearnerError } from '../../types.js';
import { type ImportFile, type ImportReply, readImport } from './head-files.js';

const port = parentPort;
if (port === null) throw new Error('import-thread.ts is the entry of a worker thread: start it by openImport');

/** Answers with what `work` makes, or with why it failed. */
function answer(work: () => Uint8Array<ArrayBuffer> | undefined): void {
  let reply: ImportReply;
  try {
    reply = { bytes: work() };
  } catch (error) {
    reply = { problem: (error as Error).message, code: error instanceof LearnerError ? error.code : undefined };
  }
  port?.postMessage(reply, 'bytes' in reply && reply.bytes !== undefined ? [reply.bytes.buffer] : []);
}

let model: ((definition: HeadDefinition) => Uint8Array<ArrayBuffer>) | undefined;
answer(() => {
  const { request, bytes, embedding } = workerData as ImportFile;
  model = readImport(request, bytes, embedding);
  return undefined;
});
port.on('message', (definition: HeadDefinition) => answer(() => model?.(definition)));
