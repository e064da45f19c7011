/**
 * Random numbers from a seed: xoshiro128** (Blackman and Vigna 2021). Its state, four words, is data: it belongs into snapshots, so that what is drawn
 * follows from the log alone.
 */
export class Random {
  /** @param state [4] Taken over, not copied. */
  private constructor(private readonly state: Int32Array) {}

  static seeded(seed: number): Random {
    const state = new Int32Array(4);
    // SplitMix32 spreads the seed over the state, which must not be all zeros.
    let z = seed | 0;
    for (let i = 0; i < 4; i++) {
      z = (z + 0x9e3779b9) | 0;
      let mixed = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
      state[i] = mixed ^ (mixed >>> 15);
    }
    return new Random(state);
  }

  /** Goes on where `words` was taken. */
  static restore(words: readonly number[]): Random {
    return new Random(Int32Array.from(words));
  }

  words(): number[] {
    return [...this.state];
  }

  /** A whole number from 0 to below `bound`, which is at most 2^32; each is as likely as the others, to within 2^-32. */
  below(bound: number): number {
    return Math.floor((this.next() / 2 ** 32) * bound);
  }

  /** Below 2^32, not negative. */
  private next(): number {
    const { state } = this;
    const s1 = state[1]!;
    const times5 = Math.imul(s1, 5);
    const result = Math.imul((times5 << 7) | (times5 >>> 25), 9) >>> 0;
    state[2] = state[2]! ^ state[0]!;
    state[3] = state[3]! ^ s1;
    state[1] = s1 ^ state[2]!;
    state[0] = state[0]! ^ state[3]!;
    state[2] = state[2]! ^ (s1 << 9);
    state[3] = (state[3]! << 11) | (state[3]! >>> 21);
    return result;
  }
}
