import { readFile, stat } from 'node:fs/promises';
import { EngineError } from './backbone.js';
import { reasonOf } from './text.js';

/** A model is one protobuf message, which ends at 2 GiB. */
const mostBytes = 2 ** 31 - 1;

/**
 * The bytes of a model. Nothing is read before the file is known to be one, and not too long.
 *
 * @param remedy what to do when there is no such file
 * @throws EngineError model_unreadable
 */
export async function readModelFile(file: string, remedy: string): Promise<Uint8Array> {
  try {
    const found = await stat(file);
    if (found.isFile() && found.size <= mostBytes) return await readFile(file);
    if (found.isDirectory()) throw unreadable(file, `this is a folder; ${remedy}`);
    if (!found.isFile()) throw unreadable(file, `this is no plain file; ${remedy}`);
    throw unreadable(
      file,
      `${found.size} bytes, and ONNX ends at ${mostBytes}; save it with its weights in files beside it`,
    );
  } catch (error) {
    if (error instanceof EngineError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const why = missing ? 'there is no such file' : `can't be read (${reasonOf(error)})`;
    throw unreadable(file, `${why}; ${remedy}`, error);
  }
}

function unreadable(file: string, what: string, cause?: unknown): EngineError {
  return new EngineError('model_unreadable', `${file}: ${what}`, { cause });
}
