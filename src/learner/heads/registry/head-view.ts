import type { HeadStatus } from '../../learning.js';
import type {
  CompactionRecord,
  DamagedVersion,
  HeadChange,
  HeadKey,
  LatestPointer,
  ServingPin,
  Stored,
  StoredDefinition,
} from '../../nats/stores/head-store.js';
import type { HeadDefinition, HeadModel, HeadStatistics, HeadVersion } from '../../types.js';

/** What is known of one name: the stored keys as last heard of, and what was loaded because of them. */
export interface HeadView {
  definition?: Stored<StoredDefinition> | undefined;
  latest?: Stored<LatestPointer> | undefined;
  serving?: Stored<ServingPin> | undefined;
  compaction?: Stored<CompactionRecord> | undefined;
  damaged?: Stored<DamagedVersion> | undefined;
  /** Newest revision heard of, a removal's included. */
  revisions?: Partial<Record<HeadKey, number>> | undefined;
  /** The version that requests are answered from. */
  loaded?: { readonly generation: number; readonly version: number; readonly model: HeadModel } | undefined;
  /** Why the version that should be served could not be loaded. */
  problem?: string | undefined;
  /** A load is running. */
  loading?: boolean | undefined;
  /** Digests of weights that could not be read, until their learner has stored them anew. */
  unreadable?: Set<string> | undefined;
}

/** What the learner in this process says of a head. */
export interface LiveHead {
  readonly statistics: HeadStatistics;
  /** Position of the log up to which it has learned. */
  readonly sequence?: number;
  /** undefined while NATS is away. */
  readonly lag: number | undefined;
  /** undefined while all is well. */
  readonly problem: string | undefined;
  readonly waits: HeadStatus['waits'];
}

/** Of a head that has learned nothing. */
export const noStatistics: HeadStatistics = {
  champion: 'sgd',
  serve: 'auto',
  candidates: [],
  promotions: [],
  calibrationError: 0,
  drift: { level: 'stable', history: [] },
  confusions: [],
  aliases: [],
  samples: 0,
  skipped: 0,
  servedLabelled: 0,
  servedCorrect: 0,
  servedAccuracy: [100, 1000].map((window) => ({ window, count: 0, accuracy: 0 })),
  prequentialAccuracy: [100, 1000].map((window) => ({ window, count: 0, accuracy: 0 })),
  classes: [],
};

/** Takes a change over unless something newer is known: changes come from the watch and from our own writes. */
export function applyChange(view: HeadView, change: HeadChange): void {
  if ((view.revisions?.[change.key] ?? 0) >= change.revision) return;
  view.revisions = { ...view.revisions, [change.key]: change.revision };
  if (change.key === 'definition') view.definition = change.stored;
  else if (change.key === 'latest') view.latest = change.stored;
  else if (change.key === 'serving') view.serving = change.stored;
  else if (change.key === 'compaction') view.compaction = change.stored;
  else {
    view.damaged = change.stored;
    // Stored anew: worth another look.
    if (change.stored === undefined) view.unreadable = undefined;
  }
}

/** The head's definition, unless there is none or it was deleted. */
export function definitionOf(view: HeadView | undefined): HeadDefinition | undefined {
  const stored = view?.definition?.value;
  return stored === undefined || stored.deleted ? undefined : stored;
}

/** Versions of this generation, newest first. */
export function versionsOf(view: HeadView): readonly HeadVersion[] {
  const latest = view.latest?.value;
  return latest && latest.generation === view.definition?.value.generation ? latest.versions : [];
}

/** The version that requests should be answered from: the pinned one, else the newest; undefined: nothing learned yet. */
export function wantedVersion(view: HeadView): HeadVersion | undefined {
  const versions = versionsOf(view);
  const pin = view.serving?.value;
  const pinned = pin && pin.generation === view.definition?.value.generation;
  return (pinned && versions.find(({ version }) => version === pin.version)) || versions[0];
}

/**
 * What can be loaded instead while the wanted version's weights can't be read: the newest one below it, else the oldest one above it.
 */
export function servableVersion(view: HeadView): HeadVersion | undefined {
  const wanted = wantedVersion(view);
  const isReadable = ({ modelDigest }: HeadVersion) => !view.unreadable?.has(modelDigest);
  if (wanted === undefined || isReadable(wanted)) return wanted;
  const readable = versionsOf(view).filter(isReadable);
  return readable.find(({ version }) => version < wanted.version) ?? readable.at(-1);
}

/** Entries of the log up to this one are gone, or about to go. */
function compactedTo(view: HeadView): number {
  const record = view.compaction?.value;
  return record && record.generation === view.definition?.value.generation ? record.removedTo : 0;
}

function classCountOf(live: LiveHead | undefined, pointer: LatestPointer | undefined): number {
  if (live) return live.statistics.classes.length;
  return pointer?.details?.classes ?? pointer?.statistics.classes.length ?? 0;
}

/**
 * Everything this process knows about a head.
 * @param serves whether it loads versions at all: who only teaches waits for none
 */
export function statusOf(
  view: HeadView,
  definition: HeadDefinition,
  live: LiveHead | undefined,
  taughtBy: HeadStatus['taughtBy'],
  serves = true,
): HeadStatus {
  const versions = versionsOf(view);
  const wanted = wantedVersion(view);
  const pin = view.serving?.value;
  const served = view.loaded?.generation === definition.generation ? view.loaded.version : 0;
  const loading = serves && wanted !== undefined && served === 0;
  const stored = versions.length > 0 ? view.latest?.value.statistics : undefined;
  return {
    definition,
    state: live?.problem ?? view.problem ?? (loading ? 'loading' : 'ready'),
    latestVersion: versions[0]?.version ?? 0,
    servingVersion: served,
    pinned: pin !== undefined && pin.generation === definition.generation && wanted?.version === pin.version,
    versions,
    statistics: live?.statistics ?? stored ?? noStatistics,
    classCount: classCountOf(live, versions.length > 0 ? view.latest?.value : undefined),
    lag: live?.lag,
    snapshotCreatedAtMs: versions[0]?.createdAtMs,
    snapshotSequence: versions[0]?.position.sequence ?? 0,
    ...(live?.sequence !== undefined && { learnedSequence: live.sequence }),
    taughtBy,
    waits: live?.waits,
    compactedTo: compactedTo(view),
  };
}
