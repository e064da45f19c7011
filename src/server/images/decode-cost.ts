/** How much of a new, slower time is believed: one enormous photo does not make all others late. */
const SLOWER = 0.05;
/** Slowness is forgotten sooner: an estimate that is too high refuses requests. */
const FASTER = 0.25;

/** What decoding an image took lately, in milliseconds: a moving average. 0 as long as nothing is known. */
export class DecodeCost {
  ms = 0;

  observe(ms: number): void {
    if (this.ms === 0) this.ms = ms;
    else this.ms += (ms < this.ms ? FASTER : SLOWER) * (ms - this.ms);
  }
}
