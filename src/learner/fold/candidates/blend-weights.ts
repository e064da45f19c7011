import type { CandidateName } from '../../types.js';
import { solveSymmetric } from './solve-symmetric.js';

/** Samples over which the curvature is summed, and so how fast the weights follow: a step is about 1 / count at first, 1 / MEMORY later. */
const MEMORY = 1000;
/**
 * As if so much curvature had always been seen, relative to a candidate's first share: the first samples must not throw the weights about, nor candidates
 * that say the same.
 */
const PRIOR_CURVATURE = 10;
/** Of one sample: logits beyond all measure must not freeze the weights. */
const LARGEST_CURVATURE = 100;
/**
 * How much each counts before the stream has said anything. After few samples the two that solve for their weights are ahead of those that descend to them
 * (5 folds of every set of bench:learn), and a few hundred samples do not tell enough of the difference.
 */
const firstShares: Readonly<Record<CandidateName, number>> = {
  sgd: 1,
  slda: 4,
  rls: 4,
  refit: 1,
  imported: 4,
  blend: 0,
};
const LARGEST_STEP = 0.2;
const LARGEST_WEIGHT = 4;

export interface BlendWeightsState {
  names: CandidateName[];
  /** Of each name, from 0. */
  weights: number[];
  /** [names, names] */
  curvature: number[];
}

/**
 * How much each candidate's calibrated logits u_k count in their sum, none below zero, learned from one sample after the other by an online
 * Newton step on the blend's log loss. With p = softmax(sum of a_k u_k) and label y, its slope in a_k is E_p[u_k] - u_k[y], and its curvature the covariance of
 * u_j and u_k under p. So the weights are the blend's temperature as well.
 */
export class BlendWeights {
  /** By candidate: how far its logits are above the label's, on average. */
  private means: Float64Array;
  /** By candidate: of its curvature. */
  private priors: readonly number[];

  /** @param state Taken over, not copied. */
  constructor(private readonly state: BlendWeightsState = { names: [], weights: [], curvature: [] }) {
    this.means = new Float64Array(state.names.length);
    this.priors = priorsOf(state.names);
  }

  /** Takes these for what is blended: who is new gets a first share, and who stays keeps what the others leave him. */
  setNames(names: readonly CandidateName[]): void {
    const { state } = this;
    const before = new Map(state.names.map((name, k) => [name, state.weights[k]!]));
    const shares = firstSharesOf(names);
    const left = names.reduce((sum, name, k) => (before.has(name) ? sum + shares[k]! : sum), 0);
    state.weights = names.map((name, k) => {
      const weight = before.get(name);
      return weight === undefined ? shares[k]! : weight * left;
    });
    state.names = [...names];
    this.means = new Float64Array(names.length);
    this.priors = priorsOf(names);
    this.restart();
  }

  /** In the order of the names given. */
  get values(): readonly number[] {
    return this.state.weights;
  }

  /** The candidate's part of the sum of all weights; 0 for one that is not blended. */
  shareOf(name: CandidateName): number {
    const { names, weights } = this.state;
    const sum = weights.reduce((total, weight) => total + weight, 0);
    const weight = weights[names.indexOf(name)] ?? 0;
    return sum === 0 ? 0 : weight / sum;
  }

  /**
   * One step.
   * @param scaled Of each candidate in order: its calibrated logits [>= count]. @param probabilities The blend's, [>= count].
   * @param label Below count. @param held Of each candidate: whether its weight stays as it is.
   */
  learn(
    scaled: readonly Float64Array[],
    probabilities: Float64Array,
    count: number,
    label: number,
    held: readonly boolean[] = [],
  ): void {
    const { weights } = this.state;
    this.addCurvature(scaled, probabilities, count, label);
    const step = this.newtonStep(held);
    for (let k = 0; k < weights.length; k++) {
      const bounded = Math.max(-LARGEST_STEP, Math.min(LARGEST_STEP, step[k]!));
      weights[k] = Math.max(0, Math.min(LARGEST_WEIGHT, weights[k]! - bounded));
    }
  }

  /** These get no weight; what they had goes to the others, in proportion. @param held Of each candidate. */
  hold(held: readonly boolean[]): void {
    const { state } = this;
    if (held.every((holds) => holds)) return;
    const sum = (weights: readonly number[]) => weights.reduce((total, weight) => total + weight, 0);
    const free = (weights: readonly number[]) => weights.map((weight, k) => (held[k] ? 0 : weight));
    const total = sum(state.weights);
    const left = sum(free(state.weights)) > 0 ? free(state.weights) : free(firstSharesOf(state.names));
    const factor = total / sum(left);
    state.weights = left.map((weight) => Math.min(LARGEST_WEIGHT, weight * factor));
    this.restart();
  }

  /** What is blended differs from now on: moves fast again from where it is. */
  restart(): void {
    const { priors } = this;
    const n = priors.length;
    this.state.curvature = Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? priors[i / (n + 1)]! : 0));
  }

  snapshot(): BlendWeightsState {
    const { names, weights, curvature } = this.state;
    return { names: [...names], weights: [...weights], curvature: [...curvature] };
  }

  /** As if those that are held were not there. */
  private newtonStep(held: readonly boolean[]): Float64Array {
    const n = this.means.length;
    const matrix = Float64Array.from(this.state.curvature);
    const slopes = this.means.slice();
    for (let k = 0; k < n; k++) {
      if (!held[k]) continue;
      slopes[k] = 0;
      for (let j = 0; j < n; j++) {
        matrix[k * n + j] = j === k ? 1 : 0;
        matrix[j * n + k] = j === k ? 1 : 0;
      }
    }
    return solveSymmetric(matrix, slopes);
  }

  /** Leaves the slopes in `means`, and takes the sample's covariances into the curvature. */
  private addCurvature(
    scaled: readonly Float64Array[],
    probabilities: Float64Array,
    count: number,
    label: number,
  ): void {
    const { means } = this;
    const { curvature } = this.state;
    const n = scaled.length;
    for (let k = 0; k < n; k++) means[k] = meanAbove(scaled[k]!, probabilities, count, label);
    const sample = new Float64Array(n * n);
    let largest = 0;
    for (let j = 0; j < n; j++) {
      for (let k = 0; k <= j; k++) {
        const a = scaled[j]!;
        const b = scaled[k]!;
        let covariance = 0;
        for (let c = 0; c < count; c++) {
          covariance += probabilities[c]! * (a[c]! - a[label]! - means[j]!) * (b[c]! - b[label]! - means[k]!);
        }
        sample[j * n + k] = covariance;
        sample[k * n + j] = covariance;
      }
      largest = Math.max(largest, sample[j * n + j]!);
    }
    const factor = largest > LARGEST_CURVATURE ? LARGEST_CURVATURE / largest : 1;
    for (let i = 0; i < n * n; i++) {
      const prior = i % (n + 1) === 0 ? this.priors[i / (n + 1)]! / MEMORY : 0;
      curvature[i] = curvature[i]! * (1 - 1 / MEMORY) + sample[i]! * factor + prior;
    }
  }
}

function firstSharesOf(names: readonly CandidateName[]): number[] {
  const total = names.reduce((sum, name) => sum + firstShares[name], 0);
  return names.map((name) => firstShares[name] / total);
}

function priorsOf(names: readonly CandidateName[]): number[] {
  return firstSharesOf(names).map((share) => PRIOR_CURVATURE / (share * share));
}

/** E_p[u] - u[label]. */
function meanAbove(scaled: Float64Array, probabilities: Float64Array, count: number, label: number): number {
  const origin = scaled[label]!;
  let mean = 0;
  for (let c = 0; c < count; c++) mean += probabilities[c]! * (scaled[c]! - origin);
  return mean;
}
