import { readFile } from 'node:fs/promises';
import { Failure } from './failure.js';

/** Where NATS is, and who we are there. */
export interface NatsAddress {
  /** `host:port` of each server. */
  readonly servers: readonly string[];
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  readonly tls: boolean;
}

const FORM = 'give nats://host:4222, nats://user:password@host:4222, or the path of a nats.json';

/**
 * Finds out what `--nats` means: a URL (or several with commas), or the path of a `nats.json` that an embedded server wrote.
 *
 * @throws Failure; its message never shows credentials.
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

/** @param where What messages call it. */
export function parseNatsUrls(urls: string, where: string): NatsAddress {
  const parsed = urls
    .split(',')
    .map((url) => url.trim())
    .filter((url) => url !== '')
    .map((url) => parseNatsUrl(url, where));
  const [first] = parsed;
  if (first === undefined) throw new Failure(`${where} names no server; ${FORM}`);
  const named = parsed.find(({ user, token }) => user !== undefined || token !== undefined) ?? first;
  return { ...named, servers: parsed.flatMap(({ servers }) => servers), tls: parsed.some(({ tls }) => tls) };
}

function parseNatsUrl(text: string, where: string): NatsAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^(nats|tls):$/.test(url.protocol) || url.hostname === '') {
    throw new Failure(`${where} is no NATS URL; ${FORM}`);
  }
  const servers = [`${url.hostname}:${url.port || '4222'}`];
  const tls = url.protocol === 'tls:';
  const user = decoded(url.username, where);
  const password = decoded(url.password, where);
  if (user === '') return { servers, tls };
  return password === '' ? { servers, tls, token: user } : { servers, tls, user, password };
}

function decoded(text: string, where: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Failure(`${where}: a % in the credentials must be written %25`);
  }
}
