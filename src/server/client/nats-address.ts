import { readFile } from 'node:fs/promises';
import { type NatsAddress, parseNatsUrls } from '../../learner/index.js';
import { Failure } from './failure.js';

export type { NatsAddress } from '../../learner/index.js';

const FORM = 'give nats://host:4222, nats://user:password@host:4222, or the path of a nats.json';

/**
 * Finds out what `--nats` means: a URL (or several with commas), or the path of a `nats.json` that an embedded server wrote.
 *
 * @throws Failure or LearnerError; the message never shows credentials.
 */
export async function resolveNatsAddress(urlOrFile: string): Promise<NatsAddress> {
  if (urlOrFile.includes('://')) return parseNatsUrls(urlOrFile, '--nats');
  let text: string;
  try {
    text = await readFile(urlOrFile, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && /^[^/\\]+:\d+$/.test(urlOrFile)) {
      return parseNatsUrls(`nats://${urlOrFile}`, '--nats');
    }
    throw new Failure(`--nats ${urlOrFile}: ${(error as Error).message}; ${FORM}`, { cause: error });
  }
  return parseNatsUrls(urlOfCredentials(text, urlOrFile), urlOrFile);
}

function urlOfCredentials(text: string, path: string): string {
  try {
    const { url } = JSON.parse(text) as { url?: unknown };
    if (typeof url === 'string') return url;
  } catch {
    // Told below.
  }
  throw new Failure(`${path} is no nats.json (JSON with the key "url"); ${FORM}`);
}
