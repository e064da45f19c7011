import type { Clock } from './clock.js';

/** One timer that can be set to another time. */
export class Alarm {
  private time: number | undefined;
  private cancel: (() => void) | undefined;

  /** @param background does not keep the process alive */
  constructor(
    private readonly clock: Clock,
    private readonly ring: () => void,
    private readonly background = false,
  ) {}

  /** In the clock's `now`; undefined: not set. */
  get setTo(): number | undefined {
    return this.time;
  }

  set(time: number | undefined): void {
    if (time === this.time) return;
    this.cancel?.();
    this.time = time;
    this.cancel = undefined;
    if (time === undefined) return;
    this.cancel = this.clock.after(
      Math.max(0, time - this.clock.now()),
      () => {
        this.time = undefined;
        this.ring();
      },
      this.background,
    );
  }
}
