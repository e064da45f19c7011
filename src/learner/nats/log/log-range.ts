import type { JsMsg } from 'nats';
import { subjects } from '../../names.js';
import type { HeadGeneration } from '../../types.js';
import type { NatsLink } from '../connection/connection.js';
import { StreamFollower } from '../streams/stream-follower.js';
import { TRAINING_STREAM } from '../streams/streams.js';

/** Entries in memory at most, and in one batch. */
const BUFFER = 1_024;
const BATCH = 256;
/** A reader that is brought nothing for so long asks whether there is anything left. */
const PATIENCE_MS = 5_000;

export interface LogRange {
  /** Entries after this sequence... */
  readonly after: number;
  /** ... up to this one. */
  readonly to: number;
  /** Subjects only, without the entries. */
  readonly headersOnly?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  onTrouble?(problem: string): void;
}

/**
 * A part of a head's training log in order, a batch at a time; through lost connections. Entries that are removed meanwhile are left out. Ends early
 * when aborted.
 * @param lastSequence tells the sequence of the head's newest entry; 0: there is none
 */
export async function* readLogRange(
  link: NatsLink,
  { name, generation }: HeadGeneration,
  { after, to, headersOnly, signal, onTrouble = () => {} }: LogRange,
  lastSequence: () => Promise<number>,
): AsyncGenerator<JsMsg[]> {
  const end = Math.min(to, await lastSequence());
  if (after >= end || signal?.aborted) return;
  const filter = subjects.trainingOfHead(name, generation);
  const follower = new StreamFollower(link, {
    stream: TRAINING_STREAM,
    filter,
    after,
    headersOnly,
    buffer: BUFFER,
    onTrouble,
  });
  const stop = () => void follower.stop();
  signal?.addEventListener('abort', stop);
  try {
    for (let seen = after; seen < end && !signal?.aborted; ) {
      const messages = await follower.next(BATCH, PATIENCE_MS);
      const due = messages.filter(({ seq }) => seq <= end);
      if (due.length > 0) yield due;
      seen = messages.at(-1)?.seq ?? seen;
      const silent = messages.length === 0 && link.connected && !signal?.aborted;
      if (silent && (await lastSequence()) <= seen) return;
    }
  } finally {
    signal?.removeEventListener('abort', stop);
    await follower.stop();
  }
}
