import type { CompactionRecord } from '../nats/stores/head-store.js';
import { type HeadVersion, LearnerError } from '../types.js';

/** Where a replay may begin; the first that can be read is taken. */
export interface ReplayPlan {
  /** The last entry to fold. */
  readonly to: number;
  /** Entries up to this one are not in the log any more; 0: it is whole. */
  readonly compactedTo: number;
  /** Empty: it begins at the first entry. Else it must begin from the state of one of these versions, oldest first. */
  readonly bases: readonly HeadVersion[];
}

export interface ReplayRequest {
  readonly head: string;
  /** undefined: up to the newest version, or the log's end when there is none. */
  readonly to: number | undefined;
  /** Whether the head shall learn in another way than it did. */
  readonly whatIf: boolean;
  /** Newest first. */
  readonly versions: readonly HeadVersion[];
  readonly record: CompactionRecord | undefined;
  /** Sequence of the head's newest entry. */
  readonly lastEntry: number;
  /** Of the stream, over all heads. */
  readonly lastSequence: number;
}

/** Decides from where to where a log is replayed. @throws LearnerError invalid_argument when that can't be done. */
export function planReplay({ head, to, whatIf, versions, record, lastEntry, lastSequence }: ReplayRequest): ReplayPlan {
  const refuse = (problem: string) => new LearnerError('invalid_argument', problem);
  const end = to ?? versions[0]?.position.sequence ?? lastEntry;
  if (end > lastSequence) throw refuse(`--to ${end}: the training log ends at ${lastSequence}`);
  const compactedTo = record?.removedTo ?? 0;
  if (compactedTo === 0) return { to: end, compactedTo, bases: [] };
  const removed = `entries of head '${head}' up to ${compactedTo} were removed from its training log`;
  if (whatIf) {
    throw refuse(
      `${removed} (training.keepSamples, training.keepFor), so nobody can tell how another learner would have done on them`,
    );
  }
  if (end < compactedTo)
    throw refuse(`--to ${end}: ${removed}, and what they taught is known at ${compactedTo} at the earliest`);
  const { base } = record ?? {};
  const known = new Map(
    [base, ...versions].flatMap((version) => (version ? [[version.version, version] as const] : [])),
  );
  const bases = [...known.values()]
    .filter(
      ({ stateDigest, position }) =>
        stateDigest !== null && position.sequence >= compactedTo && position.sequence <= end,
    )
    .sort((a, b) => a.position.sequence - b.position.sequence);
  if (bases.length === 0) {
    throw new LearnerError(
      'snapshot_corrupt',
      `${removed}, and no stored state is left to begin from before entry ${end}`,
    );
  }
  return { to: end, compactedTo, bases };
}
