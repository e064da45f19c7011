import type { Grant } from './grant.js';
import { readTokenHash, type TokenHash, tokenId, verifyToken } from './token.js';

/** An entry of `security.tokens`. */
export interface TokenEntry extends Grant {
  readonly hash: string;
}

interface Known {
  readonly hash: TokenHash;
  readonly grant: Grant;
}

/** The tokens that are accepted at the moment, by their ids. */
export class TokenTable {
  private known: ReadonlyMap<string, Known> = new Map();

  /** @param entries with hashes that are well formed and ids that differ: the configuration's schema has checked it. */
  replace(entries: readonly TokenEntry[]): void {
    const known = new Map<string, Known>();
    for (const { hash: text, ...grant } of entries) {
      const hash = readTokenHash(text);
      if (hash !== undefined) known.set(hash.id, { hash, grant });
    }
    this.known = known;
  }

  get size(): number {
    return this.known.size;
  }

  /** @returns what looks up the token's grant, now and later (undefined once it is revoked); undefined: no such token. */
  find(token: string): { readonly name: string; readonly current: () => Grant | undefined } | undefined {
    const id = tokenId(token);
    // Nothing secret is in how a token looks: no need to take time over one that can be none.
    if (id === undefined) return undefined;
    const entry = this.known.get(id);
    if (!verifyToken(token, entry?.hash) || entry === undefined) return undefined;
    const { digest } = entry.hash;
    return {
      name: entry.grant.name,
      current: () => {
        const now = this.known.get(id);
        return now !== undefined && Buffer.compare(now.hash.digest, digest) === 0 ? now.grant : undefined;
      },
    };
  }
}
