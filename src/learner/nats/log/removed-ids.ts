import { createHash } from 'node:crypto';
import { type LabelOrigin, subjects } from '../../names.js';
import { type HeadDefinition, type HeadGeneration, LearnerError } from '../../types.js';
import type { NatsLink } from '../connection/connection.js';
import { HeadStore } from '../stores/head-store.js';
import { storedMessage } from '../streams/stored-message.js';
import { StreamRoom } from '../streams/stream-room.js';
import { DEFAULT_FENCE_MS, IDS_STREAM } from '../streams/streams.js';

const PUBLISH_TIMEOUT_MS = 5_000;
const MAX_KNOWN_HEADS = 10_000;

interface Known {
  readonly compacting: boolean;
  /** By the monotonic clock. */
  readonly askedAtMs: number;
}

/**
 * The stream HEADWATER_IDS: what compaction removed from the training logs, one message for each entry, under the entry's own key. The message says
 * which label it was: a label that comes again is told from another one with its id.
 */
type StreamPosition = Pick<LabelOrigin, 'streamCreated' | 'sequence'>;

export class RemovedIds {
  private readonly known = new Map<string, Known>();
  private store: Promise<HeadStore> | undefined;
  private readonly askEveryMs: number;
  private readonly room: StreamRoom;

  /**
   * @param fenceMs ids are written so long before their entries are removed: who asks more often misses none
   * @param limitBytes what they may take; undefined: what the stream was made for
   */
  constructor(
    private readonly link: NatsLink,
    fenceMs: number = DEFAULT_FENCE_MS,
    limitBytes?: number,
  ) {
    this.askEveryMs = Math.min(60_000, fenceMs / 4);
    this.room = new StreamRoom(link, IDS_STREAM, limitBytes);
  }

  /**
   * Whether an entry under this key was removed from the head's log.
   * @returns `same`: of this very label; `other`: of another label with the same id; undefined: none is known
   * @throws when NATS does not answer.
   */
  async find(head: HeadDefinition, key: string, origin: StreamPosition): Promise<'same' | 'other' | undefined> {
    if (!(await this.isCompacting(head))) return undefined;
    const subject = subjects.removedId(head.name, head.generation, key);
    const stored = await storedMessage(this.link, IDS_STREAM, { last_by_subj: subject });
    if (stored === undefined) return undefined;
    return encodeOrigin(origin).equals(stored.data) ? 'same' : 'other';
  }

  /**
   * Remembers an entry. Doing so again only makes it remembered for longer.
   * @throws LearnerError nats_setup when the stream is full; whatever NATS says when it does not answer.
   */
  async remember(head: HeadDefinition, key: string, origin: StreamPosition): Promise<void> {
    const subject = subjects.removedId(head.name, head.generation, key);
    const bytes = encodeOrigin(origin);
    const publish = () => this.link.jetstream().publish(subject, bytes, { timeout: PUBLISH_TIMEOUT_MS });
    if (await this.room.within(bytes.length, publish)) return;
    const remedy = 'raise nats.streams.ids or lower labels.dedupe; until then no entry is removed from a training log';
    throw new LearnerError('nats_setup', `the stream ${IDS_STREAM} is full: ${remedy}`);
  }

  /** Forgets a head's ids: its generation has ended. Nobody follows the stream, so it may be purged. */
  async purge(head: HeadGeneration): Promise<void> {
    const filter = subjects.removedIdsOfHead(head.name, head.generation);
    await (await this.link.manager()).streams.purge(IDS_STREAM, { filter });
  }

  /** Heads whose logs were never cut need no look, and most are such. */
  private async isCompacting(head: HeadDefinition): Promise<boolean> {
    const key = `${head.name}.${head.generation}`;
    const known = this.known.get(key);
    if (known !== undefined && performance.now() - known.askedAtMs < this.askEveryMs) return known.compacting;
    // From before the question: the answer may be as old as that.
    const askedAtMs = performance.now();
    this.store ??= HeadStore.open(this.link);
    this.store.catch(() => {
      this.store = undefined;
    });
    const record = await (await this.store).get(head.name, 'compaction');
    const { generation, ids, removedTo } = record?.value ?? {};
    const compacting = generation === head.generation && (removedTo !== 0 || ids !== null);
    this.known.delete(key);
    this.known.set(key, { compacting, askedAtMs });
    if (this.known.size > MAX_KNOWN_HEADS) this.known.delete(this.known.keys().next().value as string);
    return compacting;
  }
}

/** 16 bytes: the stream's creation time (hashed) and the position in it. */
function encodeOrigin({ streamCreated, sequence }: StreamPosition): Buffer {
  const bytes = Buffer.alloc(16);
  createHash('sha256').update(streamCreated).digest().copy(bytes, 0, 0, 8);
  bytes.writeBigUInt64LE(BigInt(sequence), 8);
  return bytes;
}
