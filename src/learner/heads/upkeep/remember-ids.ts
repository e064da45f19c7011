import { decodeEntry } from '../../fold/log-entry.js';
import type { RemovedIds } from '../../nats/log/removed-ids.js';
import type { TrainingLog } from '../../nats/log/training-log.js';
import type { HeadDefinition } from '../../types.js';

export interface RememberOptions {
  readonly log: TrainingLog;
  readonly removed: RemovedIds;
  readonly definition: HeadDefinition;
  /** Entries after this sequence... */
  readonly after: number;
  /** ... up to this one. */
  readonly to: number;
  /** Asked between batches. */
  mayGoOn(): boolean;
  /** Ends it also while NATS is away and no batch comes. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Puts the ids of a head's entries in a range into HEADWATER_IDS. Doing so again is harmless.
 * @returns false when it was interrupted
 * @throws as RemovedIds.remember.
 */
export async function rememberIds(options: RememberOptions): Promise<boolean> {
  const { log, removed, definition, after, to, mayGoOn, signal } = options;
  for await (const entries of log.read(definition, { after, to, signal })) {
    if (!mayGoOn() || signal?.aborted) return false;
    await Promise.all(entries.map(({ subject, data }) => rememberEntry(removed, definition, subject, data)));
  }
  return !signal?.aborted;
}

async function rememberEntry(
  removed: RemovedIds,
  definition: HeadDefinition,
  subject: string,
  data: Uint8Array,
): Promise<void> {
  const entry = decodeEntry(data);
  // Acts come once by themselves: whoever makes one gives up long before it is removed.
  if (entry.kind !== 'sample') return;
  await removed.remember(definition, subject.slice(subject.lastIndexOf('.') + 1), entry.sample.origin);
}
