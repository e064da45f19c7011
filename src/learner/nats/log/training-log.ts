import type { JetStreamManager, JsMsg } from 'nats';
import { decodeEntry } from '../../fold/log-entry.js';
import { actIdentity, type LabelOrigin, messageKey, sampleIdentity, subjects } from '../../names.js';
import { type HeadDefinition, type HeadGeneration, LearnerError } from '../../types.js';
import type { NatsLink } from '../connection/connection.js';
import { isNotFound, isStoreRefusal, JETSTREAM_ERROR, jetStreamCode } from '../connection/errors.js';
import { storedMessage } from '../streams/stored-message.js';
import { StreamRoom } from '../streams/stream-room.js';
import { TRAINING_STREAM } from '../streams/streams.js';
import { type LogRange, readLogRange } from './log-range.js';
import { RemovedIds } from './removed-ids.js';

const PUBLISH_TIMEOUT_MS = 5_000;
/** Entries that are being removed at the same time: with more, appends wait for them, and no more are removed in a second (measured). */
const REMOVALS = 4;

/**
 * How an append ended: `appended` is new; `own_retry` means that this very label is in the log already (it came again after a
 * crash); `duplicate` that another label with the same id is; `full` that the stream takes no more.
 */
export type AppendOutcome = 'appended' | 'own_retry' | 'duplicate' | 'full';

/**
 * The stream HEADWATER_TRAINING: the truth that heads are folds over. One message a subject, so an id enters once; entries that
 * compaction removed are remembered in HEADWATER_IDS.
 */
export class TrainingLog {
  private readonly room: StreamRoom;

  /**
   * @param removed what compaction removed from the logs
   * @param limitBytes what all logs may take; undefined: what the stream was made for
   */
  constructor(
    private readonly link: NatsLink,
    private readonly removed: RemovedIds = new RemovedIds(link),
    limitBytes?: number,
  ) {
    this.room = new StreamRoom(link, TRAINING_STREAM, limitBytes);
  }

  /**
   * Appends an entry under the identity of its sample.
   * @param id empty when the label has none: then its position is its identity
   * @throws when NATS does not answer: whether it was stored is unknown, and trying again is safe.
   */
  async append(head: HeadDefinition, id: string, origin: LabelOrigin, entry: Uint8Array): Promise<AppendOutcome> {
    const key = messageKey(sampleIdentity(id, origin));
    const removed = await this.removed.find(head, key, origin);
    if (removed !== undefined) return removed === 'same' ? 'own_retry' : 'duplicate';
    const subject = subjects.training(head.name, head.generation, key);
    const stored = await this.publish(subject, entry);
    if (stored.kind !== 'taken') return stored.kind;
    const known = decodeEntry(stored.entry);
    const same =
      known.kind === 'sample' &&
      known.sample.origin.sequence === origin.sequence &&
      known.sample.origin.streamCreated === origin.streamCreated &&
      known.sample.labelledAtMs === origin.atMs;
    return same ? 'own_retry' : 'duplicate';
  }

  /**
   * Appends an act. With the same id it is stored once, so a caller that got no answer may try again.
   * @param actId unique to the act: a UUID
   * @returns its sequence
   * @throws LearnerError labels_full when the stream takes no more; anything else when NATS does not answer.
   */
  async appendAct(head: HeadDefinition, actId: string, entry: Uint8Array): Promise<number> {
    const subject = subjects.training(head.name, head.generation, messageKey(actIdentity(actId)));
    const stored = await this.publish(subject, entry);
    if (stored.kind !== 'full') return stored.sequence;
    throw new LearnerError(
      'labels_full',
      `the training logs are full, so head '${head.name}' can't be changed: raise nats.streams.training, or let logs be compacted (training.keepSamples, training.keepFor)`,
    );
  }

  /** Sequence of the newest entry of this head; 0 when it has none. */
  async lastSequence(head: HeadGeneration): Promise<number> {
    const manager = await this.link.manager();
    try {
      const last = await manager.streams.getMessage(TRAINING_STREAM, {
        last_by_subj: subjects.trainingOfHead(head.name, head.generation),
      });
      return last.seq;
    } catch (error) {
      if (isNotFound(error)) return 0;
      throw error;
    }
  }

  /** When the stream was made, and its newest sequence over all heads. */
  async state(): Promise<{ created: string; lastSequence: number }> {
    const info = await (await this.link.manager()).streams.info(TRAINING_STREAM);
    return { created: info.created, lastSequence: info.state.last_seq };
  }

  /** A part of a head's log: see `readLogRange`. */
  read(head: HeadGeneration, range: LogRange): AsyncGenerator<JsMsg[]> {
    return readLogRange(this.link, head, range, () => this.lastSequence(head));
  }

  /**
   * Removes a head's entries, and what is remembered of removed ones: its generation has ended. It takes minutes for a million entries.
   * @param mayGoOn and `signal` as for `removeTo`
   * @returns false when it was interrupted
   */
  async purge(head: HeadGeneration, mayGoOn: () => boolean = () => true, signal?: AbortSignal): Promise<boolean> {
    if (!(await this.removeTo(head, Number.MAX_SAFE_INTEGER, mayGoOn, signal))) return false;
    await this.removed.purge(head);
    return true;
  }

  /**
   * Removes a head's entries up to a sequence. Their ids must be remembered by now, and a stored state must hold what they taught, unless the head
   * is deleted. One by one: a purge moves every consumer of the stream that is behind past the first entry that the purged head has left, and past
   * what other heads have before it: their learners would never see it (2.9.10, seen).
   * @param mayGoOn asked between batches
   * @param signal ends it also while NATS is away and no batch comes
   * @returns false when it was interrupted
   */
  async removeTo(
    head: HeadGeneration,
    sequence: number,
    mayGoOn: () => boolean = () => true,
    signal?: AbortSignal,
  ): Promise<boolean> {
    const manager = await this.link.manager();
    for await (const entries of this.read(head, { after: 0, to: sequence, headersOnly: true, signal })) {
      if (!mayGoOn() || signal?.aborted) return false;
      for (let from = 0; from < entries.length; from += REMOVALS) {
        await Promise.all(entries.slice(from, from + REMOVALS).map(({ seq }) => removeMessage(manager, seq)));
      }
    }
    return !signal?.aborted;
  }

  private async publish(
    subject: string,
    entry: Uint8Array,
  ): Promise<
    | { readonly kind: 'appended'; readonly sequence: number }
    | { readonly kind: 'taken'; readonly sequence: number; readonly entry: Uint8Array }
    | { readonly kind: 'full' }
  > {
    try {
      const publish = () => this.link.jetstream().publish(subject, entry, { timeout: PUBLISH_TIMEOUT_MS });
      const ack = await this.room.within(entry.length, publish);
      if (ack) return { kind: 'appended', sequence: ack.seq };
    } catch (error) {
      // A full stream may refuse before it looks at the subject: only what is stored tells.
      if (!isStoreRefusal(error)) throw error;
    }
    const stored = await storedMessage(this.link, TRAINING_STREAM, { last_by_subj: subject });
    return stored === undefined ? { kind: 'full' } : { kind: 'taken', sequence: stored.seq, entry: stored.data };
  }
}

/** Also when somebody else was faster. */
async function removeMessage(manager: JetStreamManager, sequence: number): Promise<void> {
  try {
    await manager.streams.deleteMessage(TRAINING_STREAM, sequence, false);
  } catch (error) {
    if (jetStreamCode(error) !== JETSTREAM_ERROR.messageDeleteFailed) throw error;
  }
}
