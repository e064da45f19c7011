import { seededRandom } from '../../src/server/data/random.js';

/** Seeded random numbers, so that a network is the same in every run and on every machine. */
export class Random {
  /** From 0 up to, but not, 1, in steps of 2^-32. */
  readonly uniform: () => number;
  #spare: number | undefined;

  constructor(seed: number) {
    this.uniform = seededRandom(seed);
  }

  /** Of the standard normal distribution (Marsaglia's polar method). */
  normal(): number {
    if (this.#spare !== undefined) {
      const value = this.#spare;
      this.#spare = undefined;
      return value;
    }
    for (;;) {
      const x = 2 * this.uniform() - 1;
      const y = 2 * this.uniform() - 1;
      const square = x * x + y * y;
      if (square >= 1 || square === 0) continue;
      const factor = Math.sqrt((-2 * Math.log(square)) / square);
      this.#spare = y * factor;
      return x * factor;
    }
  }
}
