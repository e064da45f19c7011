import { HeadFold } from '../fold/head-fold.js';
import { wholeStatistics } from '../heads/snapshots/class-details.js';
import type { LearningObserver } from '../learning.js';
import { TrainingLog } from '../nats/log/training-log.js';
import { HeadStore } from '../nats/stores/head-store.js';
import { SnapshotStore } from '../nats/stores/snapshot-store.js';
import {
  type HeadDefinition,
  type HeadStatistics,
  type HeadVersion,
  LearnerError,
  type LearnerOptions,
} from '../types.js';
import { sha256, type VersionComparison, versionsOnTheWay } from './compare-versions.js';
import { type NatsPlace, openNats } from './open-nats.js';
import { ReplayRun } from './replay-run.js';
import { planReplay, type ReplayPlan } from './replay-start.js';
import { readStored, type StoredHead } from './stored-head.js';

export interface ReplayOptions {
  readonly nats: NatsPlace;
  readonly head: string;
  /** Sequence of the last entry to fold; undefined: up to the newest version. */
  readonly to?: number | undefined;
  /** Learn in this way instead: what if? */
  readonly learner?: LearnerOptions | undefined;
  readonly signal?: AbortSignal | undefined;
  onProgress?(progress: ReplayProgress): void;
  readonly log: LearningObserver['log'];
}

export interface ReplayProgress {
  /** Entries folded. */
  readonly entries: number;
  /** Where it began, stands and will end. */
  readonly from: number;
  readonly sequence: number;
  readonly to: number;
}

export interface ReplayResult {
  readonly head: string;
  readonly generation: number;
  /** Entries up to this one were removed by compaction; 0: the log is whole. */
  readonly compactedTo: number;
  /** `version` 0: it began with nothing, at the first entry; else with the stored state of that version. */
  readonly from: { readonly sequence: number; readonly version: number };
  /** Sequence of the last entry folded. */
  readonly sequence: number;
  /** Entries folded, samples and acts. */
  readonly entries: number;
  /** sha256 (hex) of the fold's model and state. */
  readonly modelDigest: string;
  readonly stateDigest: string;
  /**
   * `equal`: with every stored version on the way; `differs`: with one at least; `nothing_stored`: there is no version on the way; `what_if`: it
   * learned in another way, so there is nothing to compare.
   */
  readonly outcome: 'equal' | 'differs' | 'nothing_stored' | 'what_if';
  /** Oldest first. Empty for a what-if. */
  readonly versions: readonly VersionComparison[];
  /** Over all entries of this replay: samples that were predicted before they were learned. */
  readonly prequential: { readonly samples: number; readonly correct: number };
  readonly statistics: HeadStatistics;
  /** What the head itself had come to at the same entry; undefined when that is not stored. */
  readonly stored: HeadStatistics | undefined;
  readonly seconds: number;
}

interface Parts {
  readonly store: HeadStore;
  readonly snapshots: SnapshotStore;
  readonly log: TrainingLog;
}

/**
 * Builds a head from its training log once more, and compares it with each stored version on the way. Nothing is written; the head may go on
 * learning meanwhile. It needs memory for one head, however long the log.
 * @throws LearnerError head_unknown; invalid_argument when it can't be replayed in this way; log_mismatch when the log is not the one that the versions
 * were made from; snapshot_corrupt when it has to begin from a state that can't be read; nats_unavailable, nats_setup, data_directory_in_use;
 * head_unavailable when it was aborted, or the log was compacted meanwhile.
 */
export async function replayHead(options: ReplayOptions): Promise<ReplayResult> {
  const { link, close } = await openNats(options.nats, options.log);
  try {
    const store = await HeadStore.open(link);
    const snapshots = await SnapshotStore.open(link);
    return await replay(options, { store, snapshots, log: new TrainingLog(link) });
  } finally {
    await close();
  }
}

async function replay(options: ReplayOptions, parts: Parts): Promise<ReplayResult> {
  const beganAtMs = performance.now();
  const stored = await readStored(parts.store, options.head);
  const definition = options.learner ? { ...stored.definition, learner: options.learner } : stored.definition;
  const plan = await planOf(options, parts, stored);
  const { fold, base } = await beginFold(definition, plan, parts.snapshots, options);
  const from = { sequence: fold.sequence, version: base?.version ?? 0 };

  const onTheWay = options.learner ? [] : versionsOnTheWay(stored.versions, from.sequence, plan.to);
  const run = new ReplayRun(fold, onTheWay, definition, parts.snapshots, options.learner);
  const { signal } = options;
  const onTrouble = (problem: string) => options.log('warn', problem);
  for await (const entries of parts.log.read(definition, { after: from.sequence, to: plan.to, signal, onTrouble })) {
    for (const { data, seq } of entries) await run.take(data, seq);
    options.onProgress?.({ entries: run.entries, from: from.sequence, sequence: fold.sequence, to: plan.to });
    if (signal?.aborted) break;
  }
  if (signal?.aborted) throw new LearnerError('head_unavailable', 'the replay was ended before its end');
  await run.end(plan.to);
  await checkStillThere(parts.store, stored, from.sequence);

  await fold.settled();
  const { position } = stored.versions[0] ?? {};
  return {
    head: definition.name,
    generation: definition.generation,
    compactedTo: plan.compactedTo,
    from,
    sequence: fold.sequence,
    entries: run.entries,
    modelDigest: sha256(fold.modelBytes()),
    stateDigest: sha256(fold.stateBytes()),
    outcome: outcomeOf(run.versions, options.learner !== undefined),
    versions: run.versions,
    prequential: { samples: run.judged, correct: run.correct },
    statistics: fold.statistics(),
    stored: position?.sequence === fold.sequence ? await statisticsOf(stored, parts) : undefined,
    seconds: (performance.now() - beganAtMs) / 1000,
  };
}

/** As the pointer told them: with fewer classes when their object is gone or damaged. */
async function statisticsOf({ definition, latest }: StoredHead, { snapshots }: Parts) {
  return latest && wholeStatistics(snapshots, definition, latest).catch(() => latest.statistics);
}

async function planOf(options: ReplayOptions, { log }: Parts, stored: StoredHead): Promise<ReplayPlan> {
  const { definition, versions, record } = stored;
  const { created, lastSequence } = await log.state();
  const foreign = versions.find(({ position }) => position.streamCreated !== created);
  if (foreign) {
    throw new LearnerError(
      'log_mismatch',
      `version ${foreign.version} of head '${definition.name}' was made from a training log of ${foreign.position.streamCreated}, and the log here is of ${created}`,
    );
  }
  const lastEntry = await log.lastSequence(definition);
  const whatIf = options.learner !== undefined;
  return planReplay({ head: definition.name, to: options.to, whatIf, versions, record, lastEntry, lastSequence });
}

async function beginFold(
  definition: HeadDefinition,
  { bases }: ReplayPlan,
  snapshots: SnapshotStore,
  { log }: ReplayOptions,
): Promise<{ fold: HeadFold; base: HeadVersion | undefined }> {
  const restore = async (base: HeadVersion) => {
    const state = await snapshots.get(definition, 'state', base.stateDigest as string);
    return { fold: HeadFold.restore(definition, state), base };
  };
  const [base, ...later] = bases;
  if (base === undefined) return { fold: new HeadFold(definition), base };
  try {
    return await restore(base);
  } catch (error) {
    const [next] = later;
    if (next === undefined || !(error instanceof LearnerError) || error.code !== 'snapshot_corrupt') throw error;
    log(
      'warn',
      `the state of version ${base.version} can't be read (${error.message}); beginning from version ${next.version}`,
    );
    return restore(next);
  }
}

/** Entries that were removed under the reader's eyes are missing from the fold. */
async function checkStillThere(store: HeadStore, { definition }: StoredHead, from: number): Promise<void> {
  const now = (await store.get(definition.name, 'compaction'))?.value;
  if (now?.generation !== definition.generation || now.removedTo <= from) return;
  throw new LearnerError(
    'head_unavailable',
    `entries of head '${definition.name}' were removed during the replay (compaction); start it again`,
  );
}

function outcomeOf(versions: readonly VersionComparison[], whatIf: boolean): ReplayResult['outcome'] {
  if (whatIf) return 'what_if';
  if (versions.length === 0) return 'nothing_stored';
  return versions.every(({ model, state }) => model === 'equal' && state !== 'differs') ? 'equal' : 'differs';
}
