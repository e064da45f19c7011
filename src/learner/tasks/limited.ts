/** Runs tasks, at most so many at the same time; the others wait for their turn, in order. */
export class Limited {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly limit: number) {}

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.running >= this.limit) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.running += 1;
    try {
      return await task();
    } finally {
      // The place goes to the next one, who is counted already.
      const next = this.waiting.shift();
      if (next) next();
      else this.running -= 1;
    }
  }
}
