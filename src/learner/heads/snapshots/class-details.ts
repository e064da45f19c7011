import type { LatestPointer } from '../../nats/stores/head-store.js';
import type { SnapshotStore } from '../../nats/stores/snapshot-store.js';
import { type HeadDefinition, type HeadStatistics, LearnerError } from '../../types.js';

// A head may have 100,000 classes. Every process reads every pointer, and NATS bounds what a key holds: of the statistics of many classes the pointer
// has the most frequent ones, and an object beside the weights has all, for who asks.

/** What the pointer holds of classes and aliases at most, as JSON. Reading it takes a tenth of a millisecond. */
const INLINE_BYTES = 16 << 10;
/** JSON around a name: the field names and three numbers. */
const ENTRY_BYTES = 90;

type ClassDetails = Pick<HeadStatistics, 'classes' | 'aliases'>;

/** Statistics as a pointer holds them, and the object's bytes when that is not all. */
export interface SplitStatistics {
  readonly statistics: HeadStatistics;
  /** undefined: nothing was left out. */
  readonly details: Uint8Array | undefined;
}

export function splitStatistics(statistics: HeadStatistics): SplitStatistics {
  const { classes, aliases } = statistics;
  const names = [...mostFrequentFirst(classes).map(({ name }) => name), ...aliases.map(({ from, to }) => from + to)];
  let room = INLINE_BYTES;
  let fit = 0;
  for (const name of names) {
    // An escaped character takes up to six bytes.
    room -= ENTRY_BYTES + Buffer.byteLength(JSON.stringify(name));
    if (room < 0) break;
    fit += 1;
  }
  if (fit === names.length) return { statistics, details: undefined };
  const kept = new Set(names.slice(0, Math.min(fit, classes.length)));
  return {
    statistics: {
      ...statistics,
      classes: classes.filter(({ name }) => kept.has(name)),
      aliases: aliases.slice(0, Math.max(0, fit - classes.length)),
    },
    details: Buffer.from(JSON.stringify({ classes, aliases } satisfies ClassDetails)),
  };
}

/** The order in which metrics show them. */
function mostFrequentFirst(classes: HeadStatistics['classes']): HeadStatistics['classes'] {
  return [...classes].sort((a, b) => b.recent - a.recent || b.samples - a.samples);
}

/**
 * The pointer's statistics with all classes.
 * @throws LearnerError snapshot_corrupt when the object is damaged, or gone: the pointer may have moved on.
 */
export async function wholeStatistics(
  snapshots: SnapshotStore,
  definition: HeadDefinition,
  { statistics, details }: LatestPointer,
): Promise<HeadStatistics> {
  if (details === undefined) return statistics;
  const bytes = await snapshots.get(definition, 'classes', details.digest);
  try {
    // The digest says that these are the bytes that `splitStatistics` made.
    const { classes, aliases } = JSON.parse(Buffer.from(bytes).toString()) as ClassDetails;
    return { ...statistics, classes, aliases };
  } catch (error) {
    throw new LearnerError('snapshot_corrupt', `the classes of head '${definition.name}' can't be read`, {
      cause: error,
    });
  }
}
