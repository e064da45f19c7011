import type { ServedRecord } from '../fold/served-record.js';
import { messageKey, subjects } from '../names.js';
import type { NatsLink } from '../nats/connection/connection.js';
import type { ServedRecords } from '../nats/stores/served-records.js';
import { Deliveries, type Delivery } from '../nats/streams/deliveries.js';
import { StreamRoom } from '../nats/streams/stream-room.js';
import { PARKED_BYTES, PARKED_STREAM } from '../nats/streams/streams.js';
import { DONE, type Verdict } from '../nats/streams/work-queue.js';
import { KeyedQueue } from '../tasks/keyed-queue.js';
import type { HeadDirectory } from './head-directory.js';
import type { AcceptedLabel, LetterSource, SampleWriter } from './sample-writer.js';
import { moveLabel, recallLabel } from './waiting-label.js';

const CONSUMER = 'parked';
/** Labels held here at most; further ones wait in the stream. */
const MAX_HELD = 50_000;
/** Subjects of records heard of lately: for labels whose record came between their look-up and their being held. */
const MAX_HEARD = 50_000;
/** Look-ups at the same time: labels of unknown ids must not crowd out the good ones. */
const CONCURRENCY = 16;
const MAX_LOOKUPS = 1_000;
const RETRY_MS = 1_000;
const DELETED = 'its head was deleted meanwhile';

export interface ParkedLabelsOptions {
  readonly link: NatsLink;
  readonly heads: HeadDirectory;
  readonly served: ServedRecords;
  readonly writer: SampleWriter;
  readonly graceMs: number;
  onDropped(): void;
  onTrouble(problem: string): void;
}

interface Held {
  readonly delivery: Delivery;
  readonly label: AcceptedLabel;
  readonly letter: LetterSource;
  /** Subject of the record it waits for. */
  readonly subject: string;
  readonly deadlineMs: number;
  settled: boolean;
}

/**
 * Labels that came before the record of what they judge. They wait in the stream HEADWATER_PARKED, so that a crash loses none and
 * they never block others; the record's arrival wakes them. Without one after `labels.grace` they become dead letters.
 */
export class ParkedLabels {
  private readonly held = new Map<string, Held[]>();
  private heldCount = 0;
  /** Newest time of NATS that was seen. */
  private newestMs = 0;
  /** In the order of their arrival, which is (nearly) that of their deadlines; settled ones are swept out now and then. */
  private deadlines: Held[] = [];
  private settledCount = 0;
  private readonly heard = new Set<string>();
  private readonly lookups: Held[] = [];
  /** Labels of one id are settled in their order, so that the first wins. */
  private readonly bySubject = new KeyedQueue();
  private running = 0;
  private stopped = false;
  private readonly deliveries: Deliveries;
  private readonly ticker: NodeJS.Timeout;
  private readonly roomWaiters: (() => void)[] = [];

  private readonly streamRoom: StreamRoom;

  constructor(private readonly options: ParkedLabelsOptions) {
    const { link, graceMs, onTrouble } = options;
    this.streamRoom = new StreamRoom(link, PARKED_STREAM, PARKED_BYTES);
    // The consumer is made anew at the start, so that labels which a dead process held are delivered at once; labels that a living one
    // holds are then handled twice, which the training log notices.
    this.deliveries = new Deliveries(link, {
      stream: PARKED_STREAM,
      consumer: CONSUMER,
      ackWaitMs: graceMs + 120_000,
      maxAckPending: MAX_HELD + 2_000,
      limit: { maxMessages: 1_000 },
      room: () => this.room(),
      onDelivery: (delivery) => void this.hold(delivery),
      onLost: () => this.forget(),
      onTrouble: (problem) => onTrouble(`parked labels: ${problem}`),
    });
    this.ticker = setInterval(() => this.checkDeadlines(), 100);
  }

  async stop(): Promise<void> {
    clearInterval(this.ticker);
    this.stopped = true;
    for (const wake of this.roomWaiters.splice(0)) wake();
    await this.deliveries.stop();
    for (const entries of this.held.values()) for (const { delivery } of entries) delivery.refuse();
    this.forget();
  }

  /** Labels held in this process. */
  get depth(): number {
    return this.heldCount;
  }

  get limit(): number {
    return MAX_HELD;
  }

  /** Whether a label of this id waits here. */
  holds(head: string, generation: number, id: string): boolean {
    return this.held.has(subjects.served(head, generation, messageKey(id)));
  }

  /** Puts a label aside until its record comes. When the stream is full it is given up at once. */
  async park(label: AcceptedLabel, letter: LetterSource): Promise<Verdict> {
    const { link, writer, onDropped } = this.options;
    const moved = await moveLabel(link, this.streamRoom, subjects.parked(label.head.name), label, letter);
    if (moved === 'moved') return DONE;
    if (moved === 'too_large') return writer.buryTooLarge(label, letter, link.maxPayload);
    onDropped();
    const problem = 'no record of this id, and too many labels are waiting for theirs';
    return writer.bury(label.head.name, 'unknown_id', problem, letter);
  }

  /** A record was stored under this subject: whoever waits for it can be joined. */
  recordStored(subject: string): void {
    this.heard.add(subject);
    if (this.heard.size > MAX_HEARD) this.heard.delete(this.heard.values().next().value as string);
    for (const entry of this.held.get(subject) ?? []) this.lookUp(entry);
  }

  /** Nothing is held any more: what was, comes again. */
  private forget(): void {
    for (const entries of this.held.values()) for (const entry of entries) entry.settled = true;
    this.held.clear();
    this.heldCount = 0;
    this.deadlines = [];
    this.settledCount = 0;
    this.lookups.length = 0;
    for (const wake of this.roomWaiters.splice(0)) wake();
  }

  private async hold(delivery: Delivery): Promise<void> {
    const { message } = delivery;
    try {
      const { letter, headName, found } = await recallLabel(message, this.options.heads);
      if (found?.message.form === 'join') return this.keep(delivery, found.label, letter);
      await this.options.writer.bury(headName, 'unknown_head', DELETED, letter);
      delivery.acknowledge();
    } catch (error) {
      this.options.onTrouble(`parked label ${message.seq}: ${(error as Error).message}`);
      delivery.refuse(RETRY_MS);
    }
  }

  private keep(delivery: Delivery, label: AcceptedLabel, letter: LetterSource): void {
    const subject = subjects.served(label.head.name, label.head.generation, messageKey(label.id));
    const { message } = delivery;
    // Ages are told by NATS's clock alone, which may differ from ours.
    this.newestMs = Math.max(this.newestMs, label.labelledAtMs, message.info.timestampNanos / 1e6);
    const deadlineMs = Date.now() + Math.max(0, this.options.graceMs - (this.newestMs - label.labelledAtMs));
    const entry: Held = { delivery, label, letter, subject, deadlineMs, settled: false };
    const same = this.held.get(subject);
    if (same) same.push(entry);
    else this.held.set(subject, [entry]);
    this.heldCount += 1;
    this.deadlines.push(entry);
    // Delivered again, or its record came while it was on its way: what was missed then is asked for now.
    if (message.redelivered || this.heard.has(subject)) this.lookUp(entry);
  }

  private checkDeadlines(): void {
    const now = Date.now();
    let due = 0;
    while (due < this.deadlines.length && due + this.lookups.length < MAX_LOOKUPS) {
      const entry = this.deadlines[due] as Held;
      if (!entry.settled && entry.deadlineMs > now) break;
      due += 1;
    }
    for (const entry of this.deadlines.splice(0, due)) {
      if (entry.settled) this.settledCount -= 1;
      else this.lookUp(entry);
    }
    if (this.settledCount <= MAX_LOOKUPS || this.settledCount * 2 < this.deadlines.length) return;
    this.deadlines = this.deadlines.filter((entry) => !entry.settled);
    this.settledCount = 0;
  }

  private lookUp(entry: Held): void {
    this.lookups.push(entry);
    this.nextLookUp();
  }

  private nextLookUp(): void {
    while (this.running < CONCURRENCY) {
      const entry = this.lookups.shift();
      if (entry === undefined) return;
      this.running += 1;
      void this.bySubject
        .run(entry.subject, () => this.settle(entry))
        .finally(() => {
          this.running -= 1;
          this.nextLookUp();
        });
    }
  }

  /** Joins the label if its record is there, gives it up when its time is over, else leaves it waiting. */
  private async settle(entry: Held): Promise<void> {
    if (entry.settled) return;
    const { label, letter, delivery } = entry;
    const { served, writer, graceMs } = this.options;
    try {
      const record = await served.find(label.head.name, label.head.generation, label.id, label.labelledAtMs);
      if (record === undefined && Date.now() < entry.deadlineMs) return;
      const unknown = `no answer with this id was recorded within ${graceMs / 1000} s`;
      const verdict = record
        ? await this.join(label, record, letter)
        : await writer.bury(label.head.name, 'unknown_id', unknown, letter);
      if (verdict.kind === 'done') delivery.acknowledge();
      else delivery.refuse(verdict.afterMs);
    } catch (error) {
      this.options.onTrouble(`parked label ${delivery.message.seq}: ${(error as Error).message}`);
      delivery.refuse(RETRY_MS);
    }
    this.release(entry);
  }

  /** It may have waited for long: nothing may be written to the log of a head that was removed meanwhile. */
  private async join(label: AcceptedLabel, record: ServedRecord, letter: LetterSource): Promise<Verdict> {
    const { heads, writer } = this.options;
    const { name, generation } = label.head;
    await heads.upToNow();
    if ((await heads.find(name))?.generation === generation) return writer.join(label, record, letter);
    return writer.bury(name, 'unknown_head', DELETED, letter);
  }

  private release(entry: Held): void {
    // Forgotten while it was looked up: it is counted no more.
    if (entry.settled) return;
    entry.settled = true;
    this.settledCount += 1;
    this.heldCount -= 1;
    const rest = (this.held.get(entry.subject) ?? []).filter((other) => other !== entry);
    if (rest.length > 0) this.held.set(entry.subject, rest);
    else this.held.delete(entry.subject);
    if (this.heldCount < MAX_HELD) for (const wake of this.roomWaiters.splice(0)) wake();
  }

  private room(): Promise<void> {
    if (this.stopped || this.heldCount < MAX_HELD) return Promise.resolve();
    return new Promise((resolve) => this.roomWaiters.push(resolve));
  }
}
