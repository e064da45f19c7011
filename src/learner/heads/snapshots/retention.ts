import type { HeadVersion } from '../../types.js';

export interface RetentionRules {
  /** The newest so many stay... */
  readonly keep: number;
  /** ... and of the older ones, as long as they are not older than this, about one for each doubling of the age. */
  readonly keepForMs: number;
}

export interface RetentionCircumstances {
  readonly nowMs: number;
  /** Versions that stay whatever their age: the pinned one, those that the log was or will be cut at. Their states stay too. */
  readonly needed: ReadonlySet<number>;
}

/** States that stay, beside those of versions that are needed: the newest, and one to go back to when that one is damaged. */
const STATES = 2;

/**
 * Which versions stay, and which of them keep the learners' state. Done again and again as versions come, it ends in the same spread of ages.
 * @param versions newest first
 * @returns newest first; a version whose state goes has null for its digest
 */
export function retainVersions(
  versions: readonly HeadVersion[],
  rules: RetentionRules,
  circumstances: RetentionCircumstances,
): HeadVersion[] {
  const { needed } = circumstances;
  const withState = versions.filter(({ stateDigest }) => stateDigest !== null);
  const keepsState = new Set(withState.slice(0, STATES).map(({ version }) => version));
  const must = ({ version }: HeadVersion) => needed.has(version) || version === withState[0]?.version;
  const spread = new Set(spreadByAge(versions.slice(rules.keep), rules.keepForMs, circumstances.nowMs));
  return versions
    .filter((version, index) => index < rules.keep || must(version) || spread.has(version))
    .map((version) =>
      version.stateDigest === null || keepsState.has(version.version) || needed.has(version.version)
        ? version
        : { ...version, stateDigest: null },
    );
}

/**
 * Goes from old to new and drops each whose neighbours are less than a doubling of the age apart, so that what stays is at most about two
 * for each doubling, and no gap is wider than one where there was a version to fill it.
 */
function spreadByAge(versions: readonly HeadVersion[], keepForMs: number, nowMs: number): HeadVersion[] {
  const age = (version: HeadVersion) => nowMs - version.createdAtMs;
  const young = versions.filter((version) => age(version) <= keepForMs);
  const kept: HeadVersion[] = [];
  for (let i = young.length - 1; i >= 0; i--) {
    const version = young[i]!;
    const older = kept.at(-1);
    const newer = young[i - 1];
    const between = older !== undefined && newer !== undefined;
    if (between && age(older) < 2 * age(newer)) continue;
    kept.push(version);
  }
  return kept.reverse();
}
