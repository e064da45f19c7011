import { decodeEntry } from '../fold/log-entry.js';
import { type LabelOrigin, messageKey, sampleIdentity, subjects } from '../names.js';
import type { HeadDefinition } from '../types.js';
import type { NatsLink } from './connection.js';
import { isNotFound, isStoreRefusal } from './errors.js';
import { storedMessage } from './stored-message.js';
import { TRAINING_STREAM } from './streams.js';

const PUBLISH_TIMEOUT_MS = 5_000;

/**
 * How an append ended: `appended` is new; `own_retry` means that this very label is in the log already (it came again after a
 * crash); `duplicate` that another label with the same id is; `full` that the stream takes no more.
 */
export type AppendOutcome = 'appended' | 'own_retry' | 'duplicate' | 'full';

/** The stream HEADWATER_TRAINING: the truth that heads are folds over. One message a subject, so an id enters once. */
export class TrainingLog {
  constructor(private readonly link: NatsLink) {}

  /**
   * Appends an entry under the identity of its sample.
   * @param id empty when the label has none: then its position is its identity
   * @throws when NATS does not answer: whether it was stored is unknown, and trying again is safe.
   */
  async append(head: HeadDefinition, id: string, origin: LabelOrigin, entry: Uint8Array): Promise<AppendOutcome> {
    const subject = subjects.training(head.name, head.generation, messageKey(sampleIdentity(id, origin)));
    try {
      await this.link.jetstream().publish(subject, entry, { timeout: PUBLISH_TIMEOUT_MS });
      return 'appended';
    } catch (error) {
      // A full stream may refuse before it looks at the subject: only what is stored tells.
      if (!isStoreRefusal(error)) throw error;
      const stored = await storedMessage(this.link, TRAINING_STREAM, { last_by_subj: subject });
      if (stored === undefined) return 'full';
      const known = decodeEntry(stored.data).sample.origin;
      return known.sequence === origin.sequence && known.streamCreated === origin.streamCreated
        ? 'own_retry'
        : 'duplicate';
    }
  }

  /** Sequence of the newest entry of this head; 0 when it has none. */
  async lastSequence(head: HeadDefinition): Promise<number> {
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

  /** Removes a head's entries: its generation has ended. */
  async purge(head: HeadDefinition): Promise<void> {
    const filter = subjects.trainingOfHead(head.name, head.generation);
    await (await this.link.manager()).streams.purge(TRAINING_STREAM, { filter });
  }
}
