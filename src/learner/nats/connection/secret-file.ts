import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { LearnerError } from '../../types.js';

const MOST_BYTES = 1 << 20;
const READABLE_BY_ALL = 0o004;

export interface SecretFile {
  readonly text: string;
  /** Every user of this machine may read it. */
  readonly exposed: boolean;
}

/**
 * Reads a small file of a person's making: certificates, keys, passwords. Synchronous, because nats.js asks for credentials in the
 * middle of a handshake; the files are small, and a handshake is rare.
 * @param name what messages call the setting
 * @throws LearnerError nats_setup, which names setting and path and never shows what is in the file.
 */
export function readSecretFile(path: string, name: string): SecretFile {
  const wrong = (problem: string, cause?: unknown) =>
    new LearnerError('nats_setup', `${name}: ${JSON.stringify(path)} ${problem}`, { cause });
  let file: number;
  try {
    // A pipe without a writer must not stop the process.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw wrong(
      `can't be read (${(error as NodeJS.ErrnoException).code}); give a file that this process may read`,
      error,
    );
  }
  try {
    const status = fstatSync(file);
    if (!status.isFile()) throw wrong('is no file');
    if (status.size > MOST_BYTES)
      throw wrong(`has ${status.size} bytes, and ${MOST_BYTES} is the most: is it the right file?`);
    const bytes = Buffer.alloc(MOST_BYTES + 1);
    const length = readSync(file, bytes, 0, bytes.length, 0);
    const text = bytes.toString('utf8', 0, length);
    bytes.fill(0);
    if (text.trim() === '') throw wrong('is empty');
    return { text, exposed: process.platform !== 'win32' && (status.mode & READABLE_BY_ALL) !== 0 };
  } finally {
    closeSync(file);
  }
}
