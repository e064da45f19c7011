import { type Authenticator, credsAuthenticator, nkeyAuthenticator, nkeys } from 'nats';
import { LearnerError } from '../../types.js';
import type { Log } from './log.js';
import { readSecretFile } from './secret-file.js';
import type { NatsSecurity, SecurityNames } from './security-options.js';

/** A user's seed: 58 characters of base32, the prefix says whose. */
const SEED = /^S[A-Z2-7]{57}$/;
const CREDENTIALS_PART = /-{3,}BEGIN ([^-\n]+)-{3,}\s+(\S+)\s+-{3,}END [^-\n]+-{3,}/g;

/**
 * What proves to a server who we are, from the file that is set; undefined when none is. The file is read again for every
 * connection, so that renewed credentials are used by the next one. If it can't be used then, the last good one is: nats.js
 * gives up for good when an authenticator throws.
 * @throws LearnerError nats_setup at once when the file can't be used now.
 */
export function fileAuthenticator(security: NatsSecurity, names: SecurityNames, log: Log): Authenticator | undefined {
  const { credentials, nkey, user, passwordFile, tokenFile } = security;
  if (credentials) return rereading(credentials, names('credentials'), readCredentials, log);
  if (nkey) return rereading(nkey, names('nkey'), readSeed, log);
  if (user && passwordFile) {
    const read = (text: string) => () => ({ user, pass: oneLine(text, names('passwordFile')) });
    return rereading(passwordFile, names('passwordFile'), read, log);
  }
  if (tokenFile) {
    const read = (text: string) => () => ({ auth_token: oneLine(text, names('tokenFile')) });
    return rereading(tokenFile, names('tokenFile'), read, log);
  }
  return undefined;
}

type Read = (text: string, name: string) => Authenticator;

function rereading(path: string, name: string, read: Read, log: Log): Authenticator {
  const load = () => {
    const { text, exposed } = readSecretFile(path, name);
    const authenticate = read(text, name);
    // A trial, so that what can't sign is told here.
    authenticate('nonce');
    return { authenticate, exposed };
  };
  const first = load();
  if (first.exposed) log('warn', `${name}: every user of this machine can read ${JSON.stringify(path)}; chmod 600 it`);
  let good = first.authenticate;
  return (nonce) => {
    try {
      good = load().authenticate;
    } catch (error) {
      log('warn', `${(error as Error).message}; what it held before is used`);
    }
    return good(nonce);
  };
}

function oneLine(text: string, name: string): string {
  const line = text.replace(/\r?\n$/, '');
  if (/\p{Cc}/u.test(line))
    throw new LearnerError('nats_setup', `${name}: expected one line without control characters`);
  return line;
}

/** The seed may stand among comments and blank lines, as `nk` and people write it. */
function readSeed(text: string, name: string): Authenticator {
  const seeds = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => SEED.test(line));
  const [seed] = seeds;
  if (seed === undefined || seeds.length > 1) {
    throw new LearnerError(
      'nats_setup',
      `${name}: expected one line with a user's NKey seed (SU…; made by nk -gen user)`,
    );
  }
  publicKeyOf(seed, name);
  return nkeyAuthenticator(Buffer.from(seed));
}

function readCredentials(text: string, name: string): Authenticator {
  const wrong = (problem: string) => new LearnerError('nats_setup', `${name}: ${problem}`);
  const parts = new Map([...text.matchAll(CREDENTIALS_PART)].map(([, what, value]) => [what!.trim(), value!]));
  const jwt = parts.get('NATS USER JWT');
  const seed = parts.get('USER NKEY SEED');
  if (jwt === undefined || seed === undefined) {
    throw wrong('expected a .creds file with a NATS USER JWT and a USER NKEY SEED (made by nsc generate creds)');
  }
  const claims = readClaims(jwt);
  if (claims === undefined) throw wrong('its JWT is none');
  if (claims.sub !== publicKeyOf(seed, name)) throw wrong("its seed is not that of its JWT's user");
  if (typeof claims.exp === 'number' && claims.exp * 1000 < Date.now()) {
    throw wrong(`its JWT expired at ${new Date(claims.exp * 1000).toISOString()}; make a new one`);
  }
  // In the form that nats.js looks for, whatever line ends and spaces the file has.
  const tidy = `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`;
  return credsAuthenticator(Buffer.from(tidy));
}

function readClaims(jwt: string): { sub?: unknown; exp?: unknown } | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString());
    return typeof claims === 'object' && claims !== null ? claims : undefined;
  } catch {
    return undefined;
  }
}

interface KeyPair {
  getPublicKey(): string;
}

/** @throws LearnerError when the seed's check sum is wrong, or it is not a user's. */
function publicKeyOf(seed: string, name: string): string {
  let key: string;
  try {
    key = (nkeys as { fromSeed(seed: Uint8Array): KeyPair }).fromSeed(Buffer.from(seed)).getPublicKey();
  } catch {
    throw new LearnerError('nats_setup', `${name}: its NKey seed is damaged (a character is wrong or missing)`);
  }
  if (!key.startsWith('U')) {
    throw new LearnerError(
      'nats_setup',
      `${name}: its NKey seed is not a user's (SU…), but of kind ${seed.slice(0, 2)}`,
    );
  }
  return key;
}
