import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, sep } from 'node:path';
import { quote, StatusError } from '../errors.js';

/**
 * The file that a load request names. Links are followed first: what lies outside of the folder stays outside.
 *
 * @param folder repository.folder; null: other files than the configured ones may not be loaded
 * @param path relative to it
 * @throws StatusError request_invalid
 */
export async function modelFile(folder: string | null, path: string): Promise<string> {
  if (folder === null) {
    throw invalid('other files than the configured one can be loaded only with the key `repository.folder`');
  }
  const outside = invalid(`expected a file below repository.folder, got ${quote(path)}`);
  if (path === '' || path.includes('\0') || isAbsolute(path)) throw outside;
  try {
    const root = await realpath(folder);
    const file = await realpath(join(root, path));
    if (!file.startsWith(root.endsWith(sep) ? root : root + sep)) throw outside;
    if ((await stat(file)).isFile()) return file;
  } catch (error) {
    if (error instanceof StatusError) throw error;
  }
  // The same answer for what is absent and what can't be read: a caller must not explore the disk.
  throw outside;
}

const invalid = (message: string) => new StatusError('request_invalid', `parameter model: ${message}`);
