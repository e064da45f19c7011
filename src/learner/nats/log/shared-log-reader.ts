import { setTimeout as delay } from 'node:timers/promises';
import type { JsMsg } from 'nats';
import type { HeadDefinition } from '../../types.js';
import { isUnavailable } from '../connection/errors.js';
import type { StreamFollower } from '../streams/stream-follower.js';
import type { LogReader } from './log-reader.js';
import type { Subscriber, TrainingFeed } from './training-feed.js';
import type { TrainingLog } from './training-log.js';

/** Entries of one head, and of all, that wait here: who has more reads them again later, by a consumer of its own. */
const HEAD_BUFFER = 512;
const TOTAL_BUFFER = 16_384;
const RETRY_MS = 1_000;

export interface SharedLogReaderOptions {
  readonly feed: TrainingFeed;
  readonly log: TrainingLog;
  readonly definition: HeadDefinition;
  readonly after: number;
  /** A reader of this head's log alone, for what the feed did not bring. */
  follower(after: number): StreamFollower;
  onTrouble(problem: string): void;
}

/**
 * One head's log over the shared feed. What was logged before it joined, and what the feed brought too fast, it reads by a consumer of its own, which
 * ends when it has caught up: so a head that is silent costs nothing.
 */
export class SharedLogReader implements LogReader, Subscriber {
  private readonly queue: JsMsg[] = [];
  /** Sequence of the last entry given out. */
  private last: number;
  private mode: 'join' | 'catch_up' | 'live' = 'join';
  private own: StreamFollower | undefined;
  /** The feed brings what comes after this. */
  private fedAfter = 0;
  /** Caught up once an entry from here on is read. */
  private target = 0;
  /** What the feed brings is not kept any more. */
  private overflowed = false;
  private wakeReader: (() => void) | undefined;
  private stopped = false;

  constructor(private readonly options: SharedLogReaderOptions) {
    this.last = options.after;
  }

  async next(limit: number, waitMs?: number): Promise<JsMsg[]> {
    if (this.stopped) return [];
    if (this.mode === 'join' && !(await this.join())) return [];
    if (this.mode === 'catch_up') return this.catchUp(limit, waitMs);
    if (this.queue.length === 0 && this.overflowed) {
      await this.rejoin();
      return [];
    }
    if (this.queue.length === 0) await this.arrival(waitMs);
    if (this.stopped) return [];
    return this.given(this.drain(limit));
  }

  get pending(): number {
    return this.queue.length + (this.own?.pending ?? 0);
  }

  push(message: JsMsg): void {
    const { feed } = this.options;
    if (this.overflowed) return;
    if (this.queue.length >= HEAD_BUFFER || feed.buffered >= TOTAL_BUFFER) {
      this.overflowed = true;
      return;
    }
    this.queue.push(message);
    feed.buffered += 1;
    this.wake();
  }

  wake(): void {
    this.own?.wake();
    this.wakeReader?.();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.wake();
    this.drain(this.queue.length);
    await this.options.feed.leave(this.options.definition, this);
    await this.own?.stop();
  }

  /** @returns false when NATS did not answer: try again */
  private async join(): Promise<boolean> {
    const { feed, log, definition, onTrouble, follower } = this.options;
    try {
      const position = await feed.join(definition, this);
      const newest = await log.lastSequence(definition);
      if (this.stopped) {
        await feed.leave(definition, this);
        return false;
      }
      this.fedAfter = position;
      this.target = Math.min(newest, position + 1);
      this.mode = newest > this.last && position > this.last ? 'catch_up' : 'live';
      if (this.mode === 'catch_up') this.own = follower(this.last);
      return true;
    } catch (error) {
      if (!isUnavailable(error)) onTrouble(`joining the feed of training logs: ${(error as Error).message}`);
      await delay(RETRY_MS);
      return false;
    }
  }

  private async catchUp(limit: number, waitMs: number | undefined): Promise<JsMsg[]> {
    const own = this.own as StreamFollower;
    const messages = await own.next(limit, waitMs);
    if (this.stopped) return [];
    if ((messages.at(-1)?.seq ?? 0) < this.target) return this.given(messages);
    this.mode = 'live';
    this.own = undefined;
    await own.stop();
    return this.given(messages.filter(({ seq }) => seq <= this.fedAfter));
  }

  /** The feed was too fast: from the last entry on the log is read anew. */
  private async rejoin(): Promise<void> {
    await this.options.feed.leave(this.options.definition, this);
    this.drain(this.queue.length);
    this.overflowed = false;
    this.mode = 'join';
  }

  private drain(limit: number): JsMsg[] {
    const messages = this.queue.splice(0, limit);
    this.options.feed.buffered -= messages.length;
    // Entries that were caught up with may come by the feed, too.
    return messages.filter(({ seq }) => seq > this.last);
  }

  private given(messages: JsMsg[]): JsMsg[] {
    this.last = messages.at(-1)?.seq ?? this.last;
    return messages;
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
}
