import { setTimeout as delay } from 'node:timers/promises';
import { decodeServedRecord, encodeServedRecord, type ServedRecord } from '../../fold/served-record.js';
import type { ServedItem } from '../../learning.js';
import { messageKey, subjects } from '../../names.js';
import type { ServingHead } from '../../types.js';
import type { NatsLink } from '../connection/connection.js';
import { storedMessage } from '../streams/stored-message.js';
import { SERVED_STREAM } from '../streams/streams.js';
import type { ServedCache } from './served-cache.js';

/** An answer waits no longer than this for its record's acknowledgement. */
const RECORD_WAIT_MS = 50;
const PUBLISH_TIMEOUT_MS = 5_000;
/** Records on their way to NATS, at most: beyond, answers are given with `recorded: false`. */
const MAX_PENDING = 4_096;

export interface ServedRecordsOptions {
  readonly mode: 'durable' | 'async';
  readonly cache: ServedCache;
  onDropped(): void;
}

/** The stream HEADWATER_SERVED: what was answered, so that a label can find it. */
export class ServedRecords {
  private pending = 0;

  constructor(
    private readonly link: NatsLink,
    private readonly options: ServedRecordsOptions,
  ) {}

  /** Records on their way to NATS. */
  get depth(): number {
    return this.pending;
  }

  get limit(): number {
    return MAX_PENDING;
  }

  /** See `Learning.recordServed`. */
  async store(head: ServingHead, items: readonly ServedItem[]): Promise<boolean> {
    if (!this.link.connected || this.pending + items.length > MAX_PENDING) {
      for (const _ of items) this.options.onDropped();
      return false;
    }
    const servedAtMs = Date.now();
    const stored = Promise.all(items.map((item) => this.storeOne(head, item, servedAtMs)));
    if (this.options.mode === 'async') return true;
    const timer = new AbortController();
    const late = delay(RECORD_WAIT_MS, false, { signal: timer.signal }).catch(() => false);
    const inTime = await Promise.race([stored.then((all) => all.every(Boolean)), late]);
    timer.abort();
    return inTime;
  }

  /**
   * The record that a label means: the last one stored before the label; when the label overtook them all, the first.
   * Undefined when there is none. @throws when NATS does not answer.
   */
  async find(head: string, generation: number, id: string, labelledAtMs: number): Promise<ServedRecord | undefined> {
    const subject = subjects.served(head, generation, messageKey(id));
    const cached = this.options.cache.get(subject);
    // One that was served after the label: the stream knows whether the label means an earlier one.
    if (cached !== undefined && cached.servedAtMs <= labelledAtMs) return cached;
    const newest = await storedMessage(this.link, SERVED_STREAM, { last_by_subj: subject });
    if (newest === undefined) return undefined;
    if (newest.time.getTime() <= labelledAtMs) return decodeServedRecord(newest.data);
    return this.findOlder(subject, labelledAtMs, newest.seq);
  }

  private async findOlder(subject: string, labelledAtMs: number, newest: number) {
    let best: Uint8Array | undefined;
    for (let sequence = 1; sequence <= newest; ) {
      const message = await storedMessage(this.link, SERVED_STREAM, { seq: sequence, next_by_subj: subject });
      if (message === undefined) break;
      if (best !== undefined && message.time.getTime() > labelledAtMs) break;
      best = message.data;
      sequence = message.seq + 1;
    }
    return best === undefined ? undefined : decodeServedRecord(best);
  }

  private async storeOne(head: ServingHead, item: ServedItem, servedAtMs: number): Promise<boolean> {
    const { name, generation, backboneIdentity } = head.definition;
    const subject = subjects.served(name, generation, messageKey(item.id));
    const record = { ...item, version: head.version, backboneIdentity, servedAtMs };
    this.pending += 1;
    try {
      this.options.cache.add(subject, record);
      const ack = await this.link
        .jetstream()
        .publish(subject, encodeServedRecord(record), { timeout: PUBLISH_TIMEOUT_MS });
      this.options.cache.stored(subject, ack.seq);
      return true;
    } catch {
      this.options.onDropped();
      return false;
    } finally {
      this.pending -= 1;
    }
  }
}
