import { readFile } from 'node:fs/promises';
import { EngineError } from './backbone.js';
import { reasonOf } from './text.js';

/**
 * The bytes of a model.
 *
 * @param remedy what to do when there is no such file
 * @throws EngineError model_unreadable
 */
export async function readModelFile(file: string, remedy: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why =
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EISDIR'
          ? 'this is a folder'
          : `can't be read (${reasonOf(error)})`;
    throw new EngineError('model_unreadable', `${file}: ${why}; ${remedy}`, { cause: error });
  }
}
