import { decodeEntry } from '../fold/log-entry.js';
import { subjects } from '../names.js';
import type { NatsLink } from '../nats/connection.js';
import type { RemovedIds } from '../nats/removed-ids.js';
import { StreamFollower } from '../nats/stream-follower.js';
import { TRAINING_STREAM } from '../nats/streams.js';
import type { TrainingLog } from '../nats/training-log.js';
import type { HeadDefinition } from '../types.js';

/** Entries that are read ahead, and ids that are on their way at the same time. */
const BUFFER = 512;
const BATCH = 256;
/** A follower that brings nothing for so long is looked at again: the range may have no entries left. */
const PATIENCE_MS = 5_000;

export interface RememberOptions {
  readonly link: NatsLink;
  readonly log: TrainingLog;
  readonly removed: RemovedIds;
  readonly definition: HeadDefinition;
  /** Entries after this sequence... */
  readonly after: number;
  /** ... up to this one. */
  readonly to: number;
  mayGoOn(): boolean;
}

/**
 * Puts the ids of a head's entries in a range into HEADWATER_IDS. Doing so again is harmless.
 * @returns false when it was interrupted
 * @throws when NATS does not answer, or HEADWATER_IDS is full.
 */
export async function rememberIds(options: RememberOptions): Promise<boolean> {
  const { link, log, removed, definition, after, to, mayGoOn } = options;
  let problem: string | undefined;
  const follower = new StreamFollower(link, {
    stream: TRAINING_STREAM,
    filter: subjects.trainingOfHead(definition.name, definition.generation),
    after,
    buffer: BUFFER,
    onTrouble: (text) => {
      problem = text;
    },
  });
  try {
    for (;;) {
      const messages = await follower.next(BATCH, PATIENCE_MS);
      if (!mayGoOn()) return false;
      if (problem !== undefined) throw new Error(problem);
      if (messages.length === 0 && (await log.lastSequence(definition)) <= after) return true;
      const due = messages.filter(({ seq }) => seq <= to);
      await Promise.all(due.map(({ subject, data }) => rememberEntry(removed, definition, subject, data)));
      const last = messages.at(-1);
      if (last && (last.seq >= to || last.info.pending === 0)) return true;
    }
  } finally {
    await follower.stop();
  }
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
