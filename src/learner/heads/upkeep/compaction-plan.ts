import type { CompactionRecord } from '../../nats/stores/head-store.js';
import type { HeadVersion } from '../../types.js';

/** Which entries of a training log stay (those that either limit keeps; both null: all), and how carefully the others go. */
export interface CompactionLimits {
  /** The newest so many samples. */
  readonly keepSamples: number | null;
  /** Those of the last so many milliseconds. */
  readonly keepMs: number | null;
  /** Ids are in HEADWATER_IDS so long, at least, before their entries are removed: see docs/decisions/0010-compaction.md. */
  readonly fenceMs: number;
}

/** What to do next with a head's log. */
export type CompactionStep =
  | { readonly kind: 'none' }
  /** The state of this version is kept from now on, to stand for the entries before it. */
  | { readonly kind: 'nominate'; readonly next: HeadVersion }
  /** The nominated version is not needed, or is gone. */
  | { readonly kind: 'release' }
  /** Remember the ids of the entries after `after` up to `to`. */
  | { readonly kind: 'write_ids'; readonly after: number; readonly to: number }
  /** Nothing before this Unix time. */
  | { readonly kind: 'wait'; readonly untilMs: number }
  /** From here on the log begins after this version. */
  | { readonly kind: 'cut'; readonly base: HeadVersion }
  /** Remove the entries up to `to`, which were cut off. */
  | { readonly kind: 'purge'; readonly to: number };

export interface CompactionView {
  /** undefined: nothing was ever done. */
  readonly record: CompactionRecord | undefined;
  /** Newest first, as the pointer lists them. */
  readonly versions: readonly HeadVersion[];
  readonly limits: CompactionLimits;
  /** Unix time. */
  readonly nowMs: number;
}

/**
 * The next step of a head's compaction. Every step leaves the log and the record so that another process, or this one after a crash, finds the same
 * or the next step to do.
 */
export function planCompaction({ record, versions, limits, nowMs }: CompactionView): CompactionStep {
  if (record && !record.purged) return { kind: 'purge', to: record.removedTo };
  const nominated = record?.next ?? undefined;
  if (limits.keepSamples === null && limits.keepMs === null) return nominated ? { kind: 'release' } : { kind: 'none' };

  const removedTo = record?.removedTo ?? 0;
  const candidates = versions.filter(
    ({ stateDigest, position }) => stateDigest !== null && position.sequence > removedTo,
  );
  const next = nominated && candidates.find(({ version }) => version === nominated.version);
  if (nominated && !next) return { kind: 'release' };

  const wholeIds = record?.ids && next && record.ids.to >= next.position.sequence ? record.ids : undefined;
  // The newest state never becomes the base: should it be damaged, the base and the entries after it make it again, and the other way round.
  const newestAllowed = candidates.slice(1).find((version) => isBeyond(version, versions[0], limits, nowMs));
  if (!wholeIds) {
    if (newestAllowed && newestAllowed.version !== next?.version) return { kind: 'nominate', next: newestAllowed };
    const oldest = candidates.at(-1);
    if (!next) return oldest ? { kind: 'nominate', next: oldest } : { kind: 'none' };
  }
  if (!next || !newestAllowed || newestAllowed.position.sequence < next.position.sequence) return { kind: 'none' };
  if (!wholeIds) return { kind: 'write_ids', after: removedTo, to: next.position.sequence };
  return afterIds(next, wholeIds.atMs, removedTo, limits.fenceMs, nowMs);
}

/** The ids are written: they rest for a fence interval, but not for longer than two, since they expire. */
function afterIds(
  next: HeadVersion,
  writtenAtMs: number,
  removedTo: number,
  fenceMs: number,
  nowMs: number,
): CompactionStep {
  const ageMs = nowMs - writtenAtMs;
  // Too old, or a clock that was put back by more than a fence interval.
  if (ageMs > 2 * fenceMs || ageMs < -fenceMs) {
    return { kind: 'write_ids', after: removedTo, to: next.position.sequence };
  }
  return ageMs < fenceMs ? { kind: 'wait', untilMs: writtenAtMs + fenceMs } : { kind: 'cut', base: next };
}

/** Whether no limit keeps the entries up to this version. They were all logged before it was made. */
function isBeyond(
  version: HeadVersion,
  newest: HeadVersion | undefined,
  { keepSamples, keepMs }: CompactionLimits,
  nowMs: number,
): boolean {
  const laterSamples = (newest?.samples ?? 0) - version.samples;
  return (
    (keepSamples === null || laterSamples >= keepSamples) && (keepMs === null || nowMs - version.createdAtMs >= keepMs)
  );
}
