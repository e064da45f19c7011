import { StatusError } from '../errors.js';

/** Counts what is in progress: refuses too much of it, and everything new once the server drains. */
export class Gate {
  private active = 0;
  private draining = false;
  private idle: (() => void)[] = [];

  /** @param full what is thrown when `limit` is reached. */
  constructor(
    private readonly limit: number,
    private readonly full: (limit: number) => StatusError,
  ) {}

  /** @throws StatusError draining, or what `full` makes. */
  async run<T>(weight: number, work: () => Promise<T>): Promise<T> {
    if (this.draining) throw new StatusError('draining', 'the server is stopping; try another replica');
    if (this.active + weight > this.limit) throw this.full(this.limit);
    this.active += weight;
    try {
      return await work();
    } finally {
      this.active -= weight;
      if (this.active === 0) for (const resolve of this.idle.splice(0)) resolve();
    }
  }

  /** Takes nothing new. Resolves when what was accepted has ended. */
  async drain(): Promise<void> {
    this.draining = true;
    if (this.active > 0) await new Promise<void>((resolve) => this.idle.push(resolve));
  }
}
