import type { FoldPool } from '../../fold/fold-pool.js';
import type { LearningObserver } from '../../learning.js';
import type { HeadStore } from '../../nats/stores/head-store.js';
import type { SnapshotStore } from '../../nats/stores/snapshot-store.js';
import { type HeadDefinition, type HeadStatistics, type HeadVersion, LearnerError } from '../../types.js';

export interface RestoreOptions {
  readonly definition: HeadDefinition;
  readonly snapshots: SnapshotStore;
  readonly pool: FoldPool;
  readonly store: Pick<HeadStore, 'get'>;
  readonly observer: LearningObserver;
}

export interface RestoredFold {
  readonly statistics: HeadStatistics;
  /** Sequence of the last entry that is in the state. */
  readonly sequence: number;
  /** False when a newer state was damaged: then a good one is due soon. */
  readonly good: boolean;
  /** Whether the log has lost its beginning. */
  readonly isCut: boolean;
}

/**
 * Opens the fold from the newest version whose state is readable, else from nothing: folding the log from there gives the same.
 * @throws LearnerError snapshot_corrupt when no state is readable and the log does not begin with its first entry any more; whatever NATS says when it
 * does not answer.
 */
export async function restoreFold(options: RestoreOptions, versions: readonly HeadVersion[]): Promise<RestoredFold> {
  const { definition, snapshots, pool, observer } = options;
  let good = true;
  const beginOfLog = await removedTo(options);
  for (const { version, stateDigest, position } of versions) {
    // A state from before a cut (of a pinned version, say) lacks what was removed.
    if (stateDigest === null || position.sequence < beginOfLog) continue;
    try {
      const { statistics, sequence } = await pool.open(
        definition,
        await snapshots.get(definition, 'state', stateDigest),
      );
      return { statistics, sequence, good, isCut: beginOfLog > 0 };
    } catch (error) {
      if (!(error instanceof LearnerError) || error.code !== 'snapshot_corrupt') throw error;
      good = false;
      const what = `the snapshot of version ${version} is damaged: ${error.message}; going back further`;
      observer.log('error', `head '${definition.name}': ${what}`);
    }
  }
  if (beginOfLog > 0) throw nothingLeft(definition, beginOfLog);
  const { statistics, sequence } = await pool.open(definition, null);
  return { statistics, sequence, good, isCut: beginOfLog > 0 };
}

/** Entries of the log up to this one were removed; 0: it is whole. The store says so, since what was heard of may be behind. */
async function removedTo({ definition, store }: RestoreOptions): Promise<number> {
  const record = (await store.get(definition.name, 'compaction'))?.value;
  return record?.generation === definition.generation ? record.removedTo : 0;
}

function nothingLeft({ name }: HeadDefinition, beginOfLog: number): LearnerError {
  return new LearnerError(
    'snapshot_corrupt',
    `no stored state of head '${name}' can be read, and its log was compacted up to ${beginOfLog}, so it can't be learned again from ` +
      'the beginning: restore the object store headwater-heads from a backup, or delete the head and create it again',
  );
}
