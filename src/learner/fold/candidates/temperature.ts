import { exp } from '../../head/exp.js';

/** Samples over which the curvature is summed, and so how fast the temperature follows: a step is about 1 / count at first, 1 / MEMORY later. */
const MEMORY = 500;
/** As if so much curvature had been seen at T = 1: the first samples must not throw it about. */
const PRIOR_CURVATURE = 5;
/** Of one sample: logits beyond all measure must not freeze the temperature. */
const LARGEST_CURVATURE = 100;
/**
 * As if so many of the labels were drawn by lot: while every prediction is right, T would else fall for ever, and the first mistake find a head that was
 * never in doubt.
 */
const DOUBT = 0.001;
/** Of log T, in one step. */
const LARGEST_STEP = 0.1;
/** Of |log T|: temperatures from 1/1000 to 1000. */
const LOG_LIMIT = 6.907755278982137;

export interface TemperatureState {
  logTemperature: number;
  curvature: number;
}

export function startOfTemperature(): TemperatureState {
  return { logTemperature: 0, curvature: PRIOR_CURVATURE };
}

/**
 * What logits are divided by to make their softmax a probability (Guo et al. 2017, section 4.2), learned from one sample after the other by an online
 * Newton step on a = log T. With u = logits / T and p = softmax(u), the log loss of label y has the slope u[y] - E_p[u] and the expected curvature Var_p[u]
 * in a.
 */
export class Temperature {
  private current: number;

  /** @param state Taken over, not copied. */
  constructor(private readonly state: TemperatureState = startOfTemperature()) {
    this.current = exp(state.logTemperature);
  }

  get value(): number {
    return this.current;
  }

  /**
   * @param scaled u, calibrated with the temperature as it is. @param probabilities p. @param count Classes; both arrays may be longer.
   * @param label Below count.
   */
  learn(scaled: Float64Array, probabilities: Float64Array, count: number, label: number): void {
    // About the label's logit, so that large logits do not cancel.
    const origin = scaled[label]!;
    let mean = 0;
    let square = 0;
    let even = 0;
    for (let c = 0; c < count; c++) {
      const difference = scaled[c]! - origin;
      even += difference;
      const weighted = probabilities[c]! * difference;
      mean += weighted;
      square += weighted * difference;
    }
    const { state } = this;
    const variance = Math.max(0, Math.min(LARGEST_CURVATURE, square - mean * mean));
    state.curvature += variance - state.curvature / MEMORY;
    const step = (mean - DOUBT * (even / count)) / Math.max(state.curvature, 1e-3);
    const bounded = Math.max(-LARGEST_STEP, Math.min(LARGEST_STEP, step));
    state.logTemperature = Math.max(-LOG_LIMIT, Math.min(LOG_LIMIT, state.logTemperature + bounded));
    this.current = exp(state.logTemperature);
  }

  /** What is divided has changed: moves fast again from where it is. */
  restart(): void {
    this.state.curvature = Math.min(this.state.curvature, PRIOR_CURVATURE);
  }

  snapshot(): TemperatureState {
    return { ...this.state };
  }
}
