/** Time, as the scheduler sees it: tests put a simulated one in its place. */
export interface Clock {
  /** Milliseconds that only go forward. */
  now(): number;
  /** Milliseconds since 1970: what deadlines are given in. */
  unix(): number;
  /** Calls once, in so many milliseconds. `background`: does not keep the process alive. @returns what calls it off */
  after(delayMs: number, call: () => void, background?: boolean): () => void;
}

/** Longer ones would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  unix: () => Date.now(),
  after: (delayMs, call, background = false) => {
    const timer = setTimeout(call, Math.min(LONGEST_TIMER_MS, delayMs));
    if (background) timer.unref();
    return () => clearTimeout(timer);
  },
};
