import { subjects } from '../names.js';
import type { NatsLink } from '../nats/connection.js';
import { StreamFollower } from '../nats/stream-follower.js';
import { TRAINING_STREAM } from '../nats/streams.js';
import type { HeadDefinition } from '../types.js';

/** Entries in memory at most, and in one batch. */
const BUFFER = 1_024;
const BATCH = 128;

export interface ReadOptions {
  readonly link: NatsLink;
  readonly definition: HeadDefinition;
  /** Entries after this sequence... */
  readonly after: number;
  /** ... up to this one. */
  readonly to: number;
  /** Sequence of the head's newest entry: reading ends there at the latest. */
  readonly last: number;
  readonly signal?: AbortSignal | undefined;
  onTrouble(problem: string): void;
}

export interface ReadEntry {
  readonly bytes: Uint8Array;
  readonly sequence: number;
}

/** A part of a head's training log in order, a batch at a time; through lost connections. Ends early when aborted. */
export async function* readLog(options: ReadOptions): AsyncGenerator<ReadEntry[]> {
  const { link, definition, after, to, last, signal, onTrouble } = options;
  const end = Math.min(to, last);
  if (after >= end) return;
  const follower = new StreamFollower(link, {
    stream: TRAINING_STREAM,
    filter: subjects.trainingOfHead(definition.name, definition.generation),
    after,
    buffer: BUFFER,
    onTrouble,
  });
  const stop = () => void follower.stop();
  signal?.addEventListener('abort', stop);
  try {
    while (!signal?.aborted) {
      const messages = await follower.next(BATCH);
      // Copied: the bytes are a view on what came from the network, which is much more.
      const entries = messages
        .filter(({ seq }) => seq <= to)
        .map(({ data, seq }) => ({ bytes: data.slice(), sequence: seq }));
      if (entries.length > 0) yield entries;
      if ((messages.at(-1)?.seq ?? 0) >= end) return;
    }
  } finally {
    signal?.removeEventListener('abort', stop);
    await follower.stop();
  }
}
