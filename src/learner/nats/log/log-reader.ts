import type { JsMsg } from 'nats';

/** One head's training log from a position on, in order, for ever. */
export interface LogReader {
  /**
   * The next entries, at most `limit`. Waits for the first one, `waitMs` at most if given; empty when none came in time, when woken, or once stopped.
   * One caller at a time.
   */
  next(limit: number, waitMs?: number): Promise<JsMsg[]>;
  /** Entries that are in the log and not given out yet, as far as is known. */
  readonly pending: number;
  /** Ends the wait of `next`. */
  wake(): void;
  stop(): Promise<void>;
}
