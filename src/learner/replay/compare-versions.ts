import { createHash } from 'node:crypto';
import type { HeadFold } from '../fold/head-fold.js';
import type { HeadVersion } from '../types.js';

/** A stored version and the fold of the log up to its position. */
export interface VersionComparison {
  readonly version: number;
  readonly sequence: number;
  /** Whether the bytes are the same. */
  readonly model: 'equal' | 'differs';
  /** `not_stored`: the version has its weights only. */
  readonly state: 'equal' | 'differs' | 'not_stored';
}

/** Versions that a replay of (after, to] passes, oldest first. */
export function versionsOnTheWay(versions: readonly HeadVersion[], after: number, to: number): HeadVersion[] {
  return versions
    .filter(({ position: { sequence } }) => sequence > after && sequence <= to)
    .sort((a, b) => a.position.sequence - b.position.sequence || a.version - b.version);
}

/** Compares the fold, which stands at the version's position, with what was stored. */
export async function compareVersion(fold: HeadFold, version: HeadVersion): Promise<VersionComparison> {
  const { stateDigest, modelDigest, position } = version;
  const model = sha256(fold.modelBytes()) === modelDigest ? 'equal' : 'differs';
  let state: VersionComparison['state'] = 'not_stored';
  if (stateDigest !== null) {
    await fold.settled();
    state = sha256(fold.stateBytes()) === stateDigest ? 'equal' : 'differs';
  }
  return { version: version.version, sequence: position.sequence, model, state };
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
