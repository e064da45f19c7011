// Bearer tokens: `hw_` and 32 random bytes in base64url. The first 6 bytes are the token's public id, by which its entry is
// found; the other 26 (208 bits) are the secret.
//
// At rest there is only HMAC-SHA-256 of the token under a salt of its own. A slow hash (scrypt, Argon2) would buy nothing:
// it slows down the guessing of passwords, which people choose, and no one guesses 208 random bits at any speed. It would
// cost: each call would take milliseconds of CPU, which strangers without a token could ask for. That is why plain tokens of
// people's own making are not accepted, only those that `headwater token create` makes.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const TOKEN = /^hw_([A-Za-z0-9_-]{8})[A-Za-z0-9_-]{35}$/;
const HASH = /^hw1:([A-Za-z0-9_-]{8}):([A-Za-z0-9_-]{22}):([A-Za-z0-9_-]{43})$/;

/** What a hash is checked with when no entry has the token's id, so that the answer takes as long. */
const NOBODY = { salt: randomBytes(16), digest: randomBytes(32) };

export interface TokenHash {
  /** Finds the entry; not a secret. */
  readonly id: string;
  readonly salt: Uint8Array;
  readonly digest: Uint8Array;
}

/** A new token: shown once, kept nowhere. */
export function createToken(): string {
  return `hw_${randomBytes(32).toString('base64url')}`;
}

/** Whether it looks like a token: its id; undefined when it does not. */
export function tokenId(token: string): string | undefined {
  return TOKEN.exec(token)?.[1];
}

/** What the configuration has of a token: `hw1:<id>:<salt>:<digest>`. @throws Error when it is none of `createToken`'s. */
export function hashToken(token: string, salt: Uint8Array = randomBytes(16)): string {
  const id = tokenId(token);
  if (id === undefined) throw new Error('this is not a token made by `headwater token create`');
  return `hw1:${id}:${Buffer.from(salt).toString('base64url')}:${digestOf(token, salt).toString('base64url')}`;
}

/** @returns undefined when it is not what `hashToken` makes. */
export function readTokenHash(text: string): TokenHash | undefined {
  const match = HASH.exec(text);
  if (match === null) return undefined;
  const [, id = '', salt = '', digest = ''] = match;
  return { id, salt: Buffer.from(salt, 'base64url'), digest: Buffer.from(digest, 'base64url') };
}

/** Whether a token is the one that was hashed, in constant time; without a hash: false, after the same time. */
export function verifyToken(token: string, hash: TokenHash | undefined): boolean {
  const { salt, digest } = hash ?? NOBODY;
  return timingSafeEqual(digestOf(token, salt), digest) && hash !== undefined;
}

function digestOf(token: string, salt: Uint8Array): Buffer {
  return createHmac('sha256', salt).update(token).digest();
}
