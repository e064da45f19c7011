import { readFile } from 'node:fs/promises';
import {
  type NatsAddress,
  type NatsSecurity,
  parseNatsUrls,
  type SecurityKey,
  type SecurityNames,
  secureOptions,
} from '../../learner/index.js';
import { Failure } from './failure.js';

export type { NatsAddress } from '../../learner/index.js';

/** Where labels are published, and how that connection is secured. */
export interface NatsSource {
  /** A URL, or the path of a `nats.json`. */
  readonly address: string;
  readonly security: NatsSecurity;
  /** Told what is doubtful, such as a key that everybody can read. */
  readonly warn: (message: string) => void;
}

export interface SecuredAddress {
  readonly address: NatsAddress;
  readonly secure: ReturnType<typeof secureOptions>;
}

const OPTIONS: Readonly<Record<SecurityKey, string>> = {
  url: '--nats',
  'tls.ca': '--nats-ca',
  'tls.certificate': '--nats-certificate',
  'tls.key': '--nats-key',
  'tls.serverName': '--nats-server-name',
  credentials: '--nats-credentials',
  nkey: '--nats-nkey',
  user: '--nats-user',
  passwordFile: '--nats-password-file',
  tokenFile: '--nats-token-file',
  inboxPrefix: '--nats-inbox-prefix',
};

/** Options of the commands, as messages name them. */
export const commandNames: SecurityNames = (key) => OPTIONS[key];

/**
 * Reads where NATS is and how to connect to it.
 *
 * @throws Failure or LearnerError; the message names the option and never shows credentials.
 */
export async function openNatsSource({ address, security, warn }: NatsSource): Promise<SecuredAddress> {
  const resolved = await resolveNatsAddress(address);
  return { address: resolved, secure: secureOptions(resolved, security, (_, message) => warn(message), commandNames) };
}

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
