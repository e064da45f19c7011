import { AckPolicy, DeliverPolicy, type JsMsg, nanos } from 'nats';
import type { NatsLink } from '../connection/connection.js';
import { PullLoop } from './pull-loop.js';

const MISSING = 'a delivery is missing';

export interface FollowOptions {
  readonly stream: string;
  readonly filter: string;
  /** Follow what comes after this sequence; 'new': what comes from now on. */
  readonly after: number | 'new';
  /** Subjects and headers only, without payloads. */
  readonly headersOnly?: boolean | undefined;
  /** Messages kept here at most. */
  readonly buffer: number;
  onTrouble(problem: string): void;
}

/**
 * Reads a stream in order, every message exactly once, from a position on and for ever. It keeps no state on the server: the
 * consumer is ephemeral and is made anew after the last message seen whenever it is lost or a delivery is missing.
 */
export class StreamFollower {
  private readonly buffered: JsMsg[] = [];
  private lastSequence: number | undefined;
  private delivered = 0;
  private consumer: string | undefined;
  /** Messages of the stream after the last one that came. */
  private beyond = 0;
  private readonly loop: PullLoop;
  private wakeReader: (() => void) | undefined;
  private readonly roomWaiters: (() => void)[] = [];
  private stopped = false;

  constructor(
    private readonly link: NatsLink,
    private readonly options: FollowOptions,
  ) {
    this.lastSequence = options.after === 'new' ? undefined : options.after;
    this.loop = new PullLoop(link, {
      stream: options.stream,
      ensureConsumer: () => this.createConsumer(),
      limit: { maxMessages: Math.max(1, options.buffer >> 1) },
      room: () => this.room(),
      onMessage: (message) => this.take(message),
      onTrouble: (problem) => {
        // That is what making the consumer anew is for: a busy client may miss the end of a request.
        if (problem !== MISSING) options.onTrouble(`following ${options.filter} of ${options.stream}: ${problem}`);
      },
    });
  }

  /**
   * All messages that are there, at most `limit`, in order. Waits for the first one, `waitMs` at most if given; empty when none
   * came in time, when woken, or once stopped. One reader at a time.
   */
  async next(limit: number, waitMs?: number): Promise<JsMsg[]> {
    if (this.buffered.length === 0 && !this.stopped) await this.arrival(waitMs);
    if (this.stopped) return [];
    const messages = this.buffered.splice(0, limit);
    if (this.hasRoom()) for (const wake of this.roomWaiters.splice(0)) wake();
    return messages;
  }

  /** Messages that are in the stream and not yet taken, as of the last one that came. */
  get pending(): number {
    return this.buffered.length + this.beyond;
  }

  get ended(): boolean {
    return this.stopped;
  }

  /** Ends the wait of `next`. */
  wake(): void {
    this.wakeReader?.();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.wakeReader?.();
    for (const wake of this.roomWaiters.splice(0)) wake();
    await this.loop.stop();
    // It would go by itself, a minute later.
    if (this.consumer !== undefined && this.link.connected) void this.removeConsumer(this.consumer);
  }

  private async removeConsumer(name: string): Promise<void> {
    try {
      await (await this.link.manager()).consumers.delete(this.options.stream, name);
    } catch {
      // Gone already, or NATS is.
    }
  }

  private async createConsumer(): Promise<string> {
    const { stream, filter, headersOnly } = this.options;
    const manager = await this.link.manager();
    if (this.options.after === 'new') {
      const last = (await manager.streams.info(stream)).state.last_seq;
      // A killed nats-server may count an empty stream anew from 0: all that came since is new then.
      this.lastSequence = this.lastSequence === undefined ? last : last < this.lastSequence ? 0 : this.lastSequence;
    }
    const after = this.lastSequence ?? 0;
    const info = await manager.consumers.add(stream, {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: after + 1,
      filter_subject: filter,
      ack_policy: AckPolicy.None,
      mem_storage: true,
      num_replicas: 1,
      headers_only: headersOnly === true,
      inactive_threshold: nanos(60_000),
    });
    this.delivered = 0;
    this.consumer = info.name;
    return info.name;
  }

  private take(message: JsMsg): void {
    const { deliverySequence, streamSequence } = message.info;
    // Deliveries are numbered: a missing number means a message was lost on the way, so the consumer is made anew
    // (by throwing, which ends this pull).
    if (deliverySequence !== this.delivered + 1) throw new Error(MISSING);
    this.delivered = deliverySequence;
    this.lastSequence = streamSequence;
    this.beyond = message.info.pending;
    this.buffered.push(message);
    this.wakeReader?.();
  }

  private arrival(waitMs: number | undefined): Promise<void> {
    return new Promise<void>((resolve) => {
      const timer = waitMs === undefined ? undefined : setTimeout(resolve, waitMs);
      this.wakeReader = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private hasRoom(): boolean {
    return this.buffered.length <= this.options.buffer >> 1;
  }

  private room(): Promise<void> {
    if (this.stopped || this.hasRoom()) return Promise.resolve();
    return new Promise((resolve) => this.roomWaiters.push(resolve));
  }
}
