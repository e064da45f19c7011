import assert from 'node:assert/strict';

/** Doubles at the edges of what arithmetic does: both zeros, subnormals, the largest. */
const edges = [0, -0, Number.MIN_VALUE, -1e-310, 2.2250738585072014e-308, 1e300, -1.7976931348623157e308, 1e-200];

/** Numbers that are the same in every run. */
export class Numbers {
  #state: number;

  constructor(seed: number) {
    this.#state = seed + 1;
  }

  below(n: number): number {
    return Math.floor(((this.usualOne() + 1) / 2) * n);
  }

  /** Between -1 and 1, all bits used. */
  usual(length: number): Float64Array {
    return Float64Array.from({ length }, () => this.usualOne());
  }

  /** Of very different sizes; in one of eight arrays, one of eight is an edge. */
  doubles(length: number): Float64Array {
    const hasEdges = this.below(8) === 0;
    return Float64Array.from({ length }, () => {
      if (hasEdges && this.below(8) === 0) return edges[this.below(edges.length)]!;
      return this.usualOne() * 2 ** (this.below(40) - 20);
    });
  }

  usualOne(): number {
    return (this.#next() + this.#next() / 2 ** 32) / 2 ** 31 - 1;
  }

  /** 32 bits: Mulberry32. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }
}

/** Bit for bit, but for NaN, of which there is one. */
export function assertSameNumbers(given: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  assert.equal(given.length, expected.length, what);
  for (let i = 0; i < expected.length; i++) {
    if (!Object.is(given[i], expected[i])) assert.fail(`${what}: [${i}] is ${given[i]}, must be ${expected[i]}`);
  }
}
