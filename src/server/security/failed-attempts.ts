import type { Log } from './tls.js';

const INTERVAL_MS = 10_000;

/** Counts refused attempts, and logs them: the first at once, then one line every 10 seconds at most, however many come. */
export class FailedAttempts {
  private readonly counts = new Map<string, number>();
  private toldMs = Number.NEGATIVE_INFINITY;
  private untold = 0;

  constructor(
    private readonly log: Log,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /**
   * @param reason one of a fixed list: there is a series for each
   * @param what was asked for @param address of the peer. Neither is a secret; nothing that the peer sent is logged.
   */
  record(reason: string, what: string, address: string): void {
    this.counts.set(reason, (this.counts.get(reason) ?? 0) + 1);
    this.untold++;
    const now = this.now();
    if (now - this.toldMs < INTERVAL_MS) return;
    const more = this.untold > 1 ? `, and ${this.untold - 1} more attempts since the last line like this` : '';
    this.log('warn', `refused ${what} from ${address}: ${reason}${more}`);
    this.toldMs = now;
    this.untold = 0;
  }

  /** By reason, since the start. */
  get totals(): ReadonlyMap<string, number> {
    return this.counts;
  }
}
