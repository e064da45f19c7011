import { exp } from '../../head/exp.js';
import type { CandidateName } from '../../types.js';

/** The step is FIRST_RATE at first, falls as 1 / sqrt of the samples, and stays at LAST_RATE: weights settle, and can still follow. */
const FIRST_RATE = 0.05;
const LAST_RATE = 0.005;
/** Of a slope in nats: one wild miss must not decide. */
const LARGEST_SLOPE = 5;
/** Share that is dealt out evenly in each step, so that no candidate is lost for good (Herbster and Warmuth 1998). */
const EVEN_SHARE = 1e-4;

export interface BlendWeightsState {
  names: CandidateName[];
  /** Above zero, sum one. */
  weights: number[];
  /** Samples learned since the last candidate came. */
  samples: number;
}

/**
 * How much each candidate's calibrated logits count in their sum: weights in the simplex, even at first, that follow the log loss of the blend by exponentiated
 * gradient (Kivinen and Warmuth 1997).
 */
export class BlendWeights {
  private readonly slopes: number[] = [];

  /** @param state Taken over, not copied. */
  constructor(private readonly state: BlendWeightsState = { names: [], weights: [], samples: 0 }) {}

  /** Takes these for what is blended: who is new gets an even share, who is not named leaves his to the others. */
  setNames(names: readonly CandidateName[]): void {
    const { state } = this;
    const even = 1 / names.length;
    const weights = names.map((name) => {
      const before = state.names.indexOf(name);
      return before < 0 ? undefined : state.weights[before]!;
    });
    const newcomers = weights.filter((weight) => weight === undefined).length;
    const kept = weights.reduce<number>((sum, weight) => sum + (weight ?? 0), 0);
    state.weights = weights.map((weight) => (weight === undefined ? even : (weight / kept) * (1 - newcomers * even)));
    state.names = [...names];
    if (newcomers > 0) state.samples = 0;
  }

  /** In the order of the names given. */
  get values(): readonly number[] {
    return this.state.weights;
  }

  of(name: CandidateName): number {
    return this.state.weights[this.state.names.indexOf(name)] ?? 0;
  }

  /**
   * One step of exponentiated gradient.
   * @param scaled Of each candidate in order: its calibrated logits [>= count]. @param probabilities The blend's, [>= count].
   * @param temperature The blend's own. @param label Below count.
   */
  learn(
    scaled: readonly Float64Array[],
    probabilities: Float64Array,
    temperature: number,
    count: number,
    label: number,
  ): void {
    const { state, slopes } = this;
    let meanSlope = 0;
    for (let k = 0; k < scaled.length; k++) {
      slopes[k] = slopeOf(scaled[k]!, probabilities, count, label) / temperature;
      meanSlope += state.weights[k]! * slopes[k]!;
    }
    state.samples += 1;
    const rate = Math.max(LAST_RATE, FIRST_RATE / Math.sqrt(state.samples));
    let sum = 0;
    for (let k = 0; k < scaled.length; k++) {
      const slope = Math.max(-LARGEST_SLOPE, Math.min(LARGEST_SLOPE, slopes[k]! - meanSlope));
      state.weights[k] = state.weights[k]! * exp(-rate * slope);
      sum += state.weights[k]!;
    }
    const even = EVEN_SHARE / scaled.length;
    for (let k = 0; k < scaled.length; k++) state.weights[k] = (1 - EVEN_SHARE) * (state.weights[k]! / sum) + even;
  }

  /** The world changed: moves fast again from where it is. */
  restart(): void {
    this.state.samples = 0;
  }

  snapshot(): BlendWeightsState {
    return { ...this.state, names: [...this.state.names], weights: [...this.state.weights] };
  }
}

/** How the blend's log loss rises with this candidate's weight, but for the temperature: E_p[u] - u[label]. */
function slopeOf(scaled: Float64Array, probabilities: Float64Array, count: number, label: number): number {
  const origin = scaled[label]!;
  let mean = 0;
  for (let c = 0; c < count; c++) mean += probabilities[c]! * (scaled[c]! - origin);
  return mean;
}
