/** A client slower than this, over server.stallTimeout, is stalled. */
export const SLOWEST_BYTES_PER_SECOND = 16 * 1024;

/**
 * Whether bytes still come, or go. Judged since the last look that found enough of them, not since the beginning: what came fast at first
 * buys no time for what never comes.
 */
export class Progress {
  private moved = 0;
  private last: number;

  /** @param since milliseconds of a monotonic clock */
  constructor(private since: number) {
    this.last = since;
  }

  add(bytes: number, now: number): void {
    this.moved += bytes;
    this.last = now;
  }

  /** Begins anew: for the time so far nobody is to blame. */
  restart(now: number): void {
    this.since = this.last = now;
    this.moved = 0;
  }

  /** Milliseconds without a byte. */
  idleMs(now: number): number {
    return now - this.last;
  }

  /** Whether at least `stallMs` have brought too little. */
  stalled(stallMs: number, now: number): boolean {
    const elapsed = now - this.since;
    if (elapsed < stallMs) return false;
    if (this.moved < (SLOWEST_BYTES_PER_SECOND * elapsed) / 1000) return true;
    this.since = now;
    this.moved = 0;
    return false;
  }
}
