import { z } from 'zod';
import type { Arithmetic } from '../../../native/index.js';
import { sumInEightLanes } from '../../arithmetic/eight-lanes.js';
import { log } from '../../head/log.js';
import { ClassRows } from '../class-rows.js';
import type { LearnerState } from '../learner.js';
import { count, readFloat64, readMetadata } from '../read-state.js';
import { Precision, readPrecision } from './precision.js';
import type { CoreClassifier, RecursiveCore } from './recursive-core.js';

/** How far below the mean of the other logits that of a class is of which nothing was learned yet: it is never the answer. */
const UNSEEN = 30;

/**
 * Share of the log prior in the logits: enough to decide between classes that the embeddings can't tell apart. (The whole of it costs accuracy: which
 * classes were frequent in a short stream is mostly chance.)
 */
const PRIOR_SHARE = 0.01;

const metadataSchema = z.object({ classCount: count, weight: z.number().nonnegative(), pending: count });

/**
 * Streaming linear discriminant analysis (Hayes and Kanan 2020): each class is a Gaussian about the mean of its samples, and all have one
 * covariance, the within-class scatter of all samples so far plus shrinkage I, over their number N. With P the inverse of the sum, the logits are
 *
 *   N mu[c]·P x - N/2 mu[c]·P mu[c]
 *
 * (the log likelihoods, but for what all classes have in common). A sample moves one mean and is one rank-one
 * update of the scatter, so P mu, of which the logits are made, changes along one vector only, the gain.
 */
export class Slda implements RecursiveCore {
  private readonly precision: Precision;
  private readonly means: ClassRows;
  /** [classes, dimensions] P mu */
  private readonly projected: ClassRows;
  /** [classes] mu·P mu */
  private readonly lengths: ClassRows;
  private readonly samples: ClassRows;
  /** N */
  private weight: number;
  private readonly deviation: Float64Array;
  private outputs = new Float64Array(0);
  private coefficients = new Float64Array(0);

  /** @param state What `snapshot` gave; undefined: nothing learned, no classes. @throws LearnerError snapshot_corrupt */
  constructor(
    private readonly dimensions: number,
    private readonly shrinkage: number,
    private readonly arithmetic: Arithmetic,
    state?: LearnerState,
  ) {
    const saved = state && readMetadata(state, metadataSchema);
    const classes = saved?.classCount ?? 0;
    const rows = (name: string, width: number) =>
      new ClassRows(width, state && readFloat64(state.arrays, name, classes * width));
    const start = state && saved ? readPrecision(state, dimensions, saved.pending) : shrinkage;
    this.precision = new Precision(dimensions, arithmetic, start);
    this.means = rows('means', dimensions);
    this.projected = rows('projected', dimensions);
    this.lengths = rows('lengths', 1);
    this.samples = rows('samples', 1);
    this.weight = saved?.weight ?? 0;
    this.deviation = new Float64Array(dimensions);
    this.resizeScratch();
  }

  get classCount(): number {
    return this.samples.count;
  }

  get bytes(): number {
    return this.precision.bytes + this.means.values.byteLength + this.projected.values.byteLength;
  }

  addClass(): void {
    for (const rows of this.perClass()) rows.add();
    this.resizeScratch();
  }

  removeClass(index: number): void {
    for (const rows of this.perClass()) rows.remove(index);
    this.resizeScratch();
  }

  learnOne(input: Float64Array, classIndex: number): void {
    const { deviation } = this;
    const mean = this.means.row(classIndex);
    const samples = this.samples.values[classIndex]!;
    for (let d = 0; d < deviation.length; d++) deviation[d] = input[d]! - mean[d]!;
    const gain = this.addScatter(samples / (samples + 1));
    const pull = 1 / (samples + 1);
    const projected = this.projected.row(classIndex);
    for (let d = 0; d < deviation.length; d++) {
      mean[d] = mean[d]! + pull * deviation[d]!;
      // P' (mu + pull u) = P' mu + pull gain
      projected[d] = projected[d]! + pull * gain[d]!;
    }
    this.lengths.values[classIndex] = sumInEightLanes(mean, 0, projected, mean.length);
    this.samples.values[classIndex] = samples + 1;
    this.weight += 1;
  }

  logits(input: Float64Array): Float64Array {
    const { outputs, weight } = this;
    this.arithmetic.multiplyRows(this.projected.values, input, outputs.length, outputs);
    for (let c = 0; c < outputs.length; c++) outputs[c] = weight * outputs[c]! + this.bias(c);
    const unseen = this.meanOfSeen((c) => outputs[c]!) - UNSEEN;
    for (let c = 0; c < outputs.length; c++) if (!this.isSeen(c)) outputs[c] = unseen;
    return outputs;
  }

  classifier(): CoreClassifier {
    const { projected, weight, classCount, dimensions } = this;
    const weights = projected.copy();
    for (let i = 0; i < weights.length; i++) weights[i] = weights[i]! * weight;
    const bias = Float64Array.from({ length: classCount }, (_, c) => this.bias(c));
    const unseen = Array.from(bias.keys()).filter((c) => !this.isSeen(c));
    if (unseen.length === 0) return { weights, bias };
    const row = Float64Array.from({ length: dimensions }, (_, d) =>
      this.meanOfSeen((c) => weights[c * dimensions + d]!),
    );
    const unseenBias = this.meanOfSeen((c) => bias[c]!) - UNSEEN;
    for (const c of unseen) {
      weights.set(row, c * dimensions);
      bias[c] = unseenBias;
    }
    return { weights, bias };
  }

  forget(worth: number): void {
    const kept = Math.min(1, worth / this.weight);
    if (!(kept < 1)) return;
    this.weight *= kept;
    for (let c = 0; c < this.classCount; c++) this.samples.values[c] = this.samples.values[c]! * kept;
    this.precision.forget(kept, this.shrinkage, this.projected.values, this.classCount);
    for (let c = 0; c < this.classCount; c++) {
      this.lengths.values[c] = sumInEightLanes(this.means.row(c), 0, this.projected.row(c), this.dimensions);
    }
  }

  snapshot(): LearnerState {
    const { pending, ...precision } = this.precision.snapshot();
    return {
      metadata: { classCount: this.classCount, weight: this.weight, pending },
      arrays: {
        ...precision,
        means: this.means.copy(),
        projected: this.projected.copy(),
        lengths: this.lengths.copy(),
        samples: this.samples.copy(),
      },
    };
  }

  private perClass(): ClassRows[] {
    return [this.means, this.projected, this.lengths, this.samples];
  }

  private bias(classIndex: number): number {
    if (!this.isSeen(classIndex)) return 0;
    return PRIOR_SHARE * log(this.samples.values[classIndex]!) - (this.weight * this.lengths.values[classIndex]!) / 2;
  }

  private isSeen(classIndex: number): boolean {
    return this.samples.values[classIndex]! > 0;
  }

  /** 0 when no class was seen. */
  private meanOfSeen(of: (classIndex: number) => number): number {
    let sum = 0;
    let seen = 0;
    for (let c = 0; c < this.classCount; c++) {
      if (!this.isSeen(c)) continue;
      sum += of(c);
      seen += 1;
    }
    return seen > 0 ? sum / seen : 0;
  }

  /** Adds weight u u^T to the scatter for the u in `deviation`, and returns the gain P' u. */
  private addScatter(weight: number): Float64Array {
    const { arithmetic, projected, lengths, outputs, coefficients, deviation } = this;
    const { gain, leverage } = this.precision.add(deviation, weight);
    if (weight === 0) return gain;
    arithmetic.multiplyRows(projected.values, deviation, outputs.length, outputs);
    const shrink = 1 + weight * leverage;
    for (let c = 0; c < outputs.length; c++) {
      const product = outputs[c]!;
      // P' mu = P mu - weight (u·P mu) gain, and so mu·P' mu = mu·P mu - weight (u·P mu)^2 / shrink
      coefficients[c] = -weight * product;
      lengths.values[c] = lengths.values[c]! - (weight * product * product) / shrink;
    }
    arithmetic.addOuter(projected.values, coefficients, gain, coefficients.length);
    return gain;
  }

  private resizeScratch(): void {
    this.outputs = new Float64Array(this.classCount);
    this.coefficients = new Float64Array(this.classCount);
  }
}
