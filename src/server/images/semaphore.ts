/** At most `permits` holders at once; others wait in line. */
export class Semaphore {
  private readonly waiting: (() => void)[] = [];
  constructor(private permits: number) {}

  /** Runs `work` with a permit. `work` is where a caller that gave up meanwhile returns early. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.permits > 0) this.permits--;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      // The permit is handed over, so that no newcomer slips in between.
      if (next === undefined) this.permits++;
      else next();
    }
  }
}
