import { StatusError } from '../errors.js';

/** Who wants to load or unload a model while it is being loaded, at most: each waits with its call open. */
const MAX_WAITING = 8;

/** Does the work of one model one after the other, in the order it came. */
export class Serial {
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  constructor(private readonly model: string) {}

  /**
   * @param signal aborted before its turn, the work is not begun.
   * @throws StatusError requests_full, cancelled; whatever the work throws
   */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.waiting >= MAX_WAITING) {
      const message = `model "${this.model}": ${MAX_WAITING} calls wait to load or unload it already`;
      throw new StatusError('requests_full', message);
    }
    this.waiting++;
    const before = this.last;
    const done = (async () => {
      await before;
      this.waiting--;
      if (signal.aborted) throw new StatusError('cancelled', `model "${this.model}": given up before its turn`);
      return work();
    })();
    this.last = done.catch(() => {});
    return done;
  }

  /** Resolves when nothing is being done or waits. */
  async idle(): Promise<void> {
    for (let seen: unknown; seen !== this.last; ) {
      seen = this.last;
      await seen;
    }
  }
}
