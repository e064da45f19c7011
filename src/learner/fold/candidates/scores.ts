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

  accuracy(): WindowAccuracy[] {
    return windowAccuracies(this.correctness.newest());
  }

  snapshot(): ScoresState {
    return { samples: this.samples, correct: this.correctness.newest(), losses: this.recentLosses.newest() };
  }
}
