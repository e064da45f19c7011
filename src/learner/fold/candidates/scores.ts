import type { WindowAccuracy } from '../../types.js';
import { LARGEST_WINDOW, windowAccuracies } from '../accuracy.js';
import { Recent } from '../recent.js';

export interface ScoresState {
  /** Samples judged in all. */
  samples: number;
  /** Oldest first: 1 for a right prediction, else 0. */
  readonly correct: Float64Array;
  /** Oldest first: -log probability of the label, in nats. */
  readonly losses: Float64Array;
}

/** How well predictions turned out: the newest 1000, one after the other. */
export class Scores {
  private samples: number;
  private readonly correctness: Recent;
  private readonly recentLosses: Recent;

  constructor(state?: ScoresState) {
    this.samples = state?.samples ?? 0;
    this.correctness = new Recent(LARGEST_WINDOW, state?.correct);
    this.recentLosses = new Recent(LARGEST_WINDOW, state?.losses);
  }

  get judged(): number {
    return this.samples;
  }

  add(correct: boolean, loss: number): void {
    this.samples += 1;
    this.correctness.push(correct ? 1 : 0);
    this.recentLosses.push(loss);
  }

  /** The newest `count` losses, oldest first. */
  losses(count?: number): Float64Array {
    return this.recentLosses.newest(count);
  }

  /** The mean loss of the last 1000; 0 when there are none. */
  meanLoss(): number {
    const losses = this.losses();
    return losses.length === 0 ? 0 : losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  }

  /** Part of the last 1000 that was right; 0 when there are none. */
  meanAccuracy(): number {
    return this.accuracy().at(-1)!.accuracy;
  }

  accuracy(): WindowAccuracy[] {
    return windowAccuracies(this.correctness.newest());
  }

  /** Share of its accuracy that it has lost over the newest `recent` samples, from 0 to 1; undefined: too few were judged before them. */
  lost(recent: number): number | undefined {
    const correct = this.correctness.newest();
    const split = correct.length - recent;
    if (split < recent) return undefined;
    const share = (flags: Float64Array) => flags.reduce((sum, flag) => sum + flag, 0) / flags.length;
    const before = share(correct.subarray(0, split));
    return before === 0 ? 0 : Math.max(0, 1 - share(correct.subarray(split)) / before);
  }

  snapshot(): ScoresState {
    return { samples: this.samples, correct: this.correctness.newest(), losses: this.recentLosses.newest() };
  }
}
