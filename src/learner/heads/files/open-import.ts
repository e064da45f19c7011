import { Worker } from 'node:worker_threads';
import { type HeadDefinition, LearnerError } from '../../types.js';
import type { ImportFile, ImportReply } from './head-files.js';

/** A file that was read and fits the head that shall begin with its weights. */
export interface OpenImport {
  /** The bytes of the model, once the head is defined. */
  model(definition: HeadDefinition): Promise<Uint8Array<ArrayBuffer>>;
  /** Ends its thread. */
  close(): Promise<void>;
}

/**
 * Reads a file in a thread of its own. Bytes in a SharedArrayBuffer are read where they are, others are copied to the thread.
 * @throws LearnerError invalid_argument when the bytes are no head, or of another backbone or other dimensions.
 */
export async function openImport(file: ImportFile): Promise<OpenImport> {
  const url = new URL('./import-thread.js', import.meta.url);
  const worker = new Worker(url, { name: 'headwater-import', execArgv: [], workerData: file });
  const died = new Promise<never>((_, reject) => {
    worker.on('error', reject).on('exit', () => reject(new Error('the thread that reads the file of a head ended')));
  });
  // Told to whoever waits for an answer; when nobody does, it was closed.
  died.catch(() => {});
  const close = async () => void (await worker.terminate());
  try {
    await Promise.race([nextReply(worker), died]);
  } catch (error) {
    await close();
    throw error;
  }
  const model = async (definition: HeadDefinition) => {
    const made = nextReply(worker);
    worker.postMessage(definition);
    return (await Promise.race([made, died]))!;
  };
  return { model, close };
}

function nextReply(worker: Worker): Promise<Uint8Array<ArrayBuffer> | undefined> {
  return new Promise((resolve, reject) => {
    worker.once('message', (answer: ImportReply) => {
      if ('bytes' in answer) resolve(answer.bytes);
      else
        reject(answer.code === undefined ? new Error(answer.problem) : new LearnerError(answer.code, answer.problem));
    });
  });
}
