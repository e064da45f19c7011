import { z } from 'zod';
import type { Arithmetic } from '../../../native/index.js';
import { ClassRows } from '../class-rows.js';
import type { LearnerState } from '../learner.js';
import { count, readFloat64, readMetadata } from '../read-state.js';
import { Precision, readPrecision } from './precision.js';
import type { CoreClassifier, RecursiveCore } from './recursive-core.js';

/** Samples of each class that the balance of weights begins with: before there are some more of each, shares are chance. */
const BALANCE_PRIOR = 10;

const metadataSchema = z.object({ classCount: count, weight: z.number().nonnegative(), seen: count, pending: count });

/**
 * Recursive least squares: at any moment the ridge regression of one-hot targets on all inputs so far, with a free intercept,
 *
 *   minimise over W, b: sum over n of s[n] |y[n] - W x[n] - b|^2 + ridge |W|^2
 *
 * in closed form, since each sample is a rank-one update of it. A class that comes later has had the target 0 so far, and a class that is removed leaves its samples behind as those of no class.
 *
 * s[n] is (share of an average class / share of the sample's class)^(1/2) at that moment, about 1 while classes are equally frequent.
 *
 * The values estimate probabilities, and those of a rare class are small wherever others are likely at all: least squares gives it up. So the logits are the
 * values times (weight of an average class / weight of the class)^(1/2), which takes half of the prior out of them.
 */
export class Rls implements RecursiveCore {
  private readonly precision: Precision;
  private readonly weights: ClassRows;
  /** By class: samples, and the sum of their weights. */
  private readonly samples: ClassRows;
  private readonly weightSums: ClassRows;
  /** Sum of all weights, those of removed classes too. */
  private weight: number;
  /** Classes that have had a sample, removed ones too. */
  private seen: number;
  /** [dimensions] Weighted mean of the inputs. */
  private readonly mean: Float64Array;
  private readonly deviation: Float64Array;
  private errors = new Float64Array(0);
  private outputs = new Float64Array(0);

  /** @param state What `snapshot` gave; undefined: nothing learned, no classes. @throws LearnerError snapshot_corrupt */
  constructor(
    private readonly dimensions: number,
    private readonly ridge: number,
    private readonly arithmetic: Arithmetic,
    state?: LearnerState,
  ) {
    const saved = state && readMetadata(state, metadataSchema);
    const classes = saved?.classCount ?? 0;
    const rows = (name: string, width: number) =>
      new ClassRows(width, state && readFloat64(state.arrays, name, classes * width));
    this.precision = new Precision(
      dimensions,
      arithmetic,
      state && saved ? readPrecision(state, dimensions, saved.pending) : ridge,
    );
    this.weights = rows('weights', dimensions);
    this.samples = rows('samples', 1);
    this.weightSums = rows('weightSums', 1);
    this.weight = saved?.weight ?? 0;
    this.seen = saved?.seen ?? 0;
    this.mean = state ? readFloat64(state.arrays, 'mean', dimensions) : new Float64Array(dimensions);
    this.deviation = new Float64Array(dimensions);
    this.resizeScratch();
  }

  get classCount(): number {
    return this.samples.count;
  }

  get bytes(): number {
    return this.precision.bytes + this.weights.values.byteLength;
  }

  addClass(): void {
    for (const rows of [this.weights, this.samples, this.weightSums]) rows.add();
    this.resizeScratch();
  }

  removeClass(index: number): void {
    for (const rows of [this.weights, this.samples, this.weightSums]) rows.remove(index);
    this.resizeScratch();
  }

  learnOne(input: Float64Array, classIndex: number): void {
    const { mean, deviation, errors, weightSums, samples } = this;
    if (samples.values[classIndex] === 0) this.seen += 1;
    samples.values[classIndex]! += 1;
    const sampleWeight = this.balance(classIndex);
    const total = this.weight + sampleWeight;
    for (let d = 0; d < deviation.length; d++) deviation[d] = input[d]! - mean[d]!;
    // Both the inputs and the targets are taken about their means, which leaves the intercept free.
    for (let c = 0; c < errors.length; c++) errors[c] = -this.share(c);
    errors[classIndex]! += 1;
    this.step((this.weight * sampleWeight) / total);
    const pull = sampleWeight / total;
    for (let d = 0; d < deviation.length; d++) mean[d] = mean[d]! + pull * deviation[d]!;
    weightSums.values[classIndex]! += sampleWeight;
    this.weight = total;
  }

  logits(input: Float64Array): Float64Array {
    const { mean, deviation, outputs } = this;
    for (let d = 0; d < deviation.length; d++) deviation[d] = input[d]! - mean[d]!;
    this.arithmetic.multiplyRows(this.weights.values, deviation, outputs.length, outputs);
    for (let c = 0; c < outputs.length; c++) outputs[c] = (outputs[c]! + this.share(c)) * this.lift(c);
    return outputs;
  }

  classifier(): CoreClassifier {
    const { outputs, dimensions } = this;
    this.arithmetic.multiplyRows(this.weights.values, this.mean, outputs.length, outputs);
    const weights = this.weights.copy();
    for (let c = 0, i = 0; c < this.classCount; c++) {
      const lift = this.lift(c);
      outputs[c] = (this.share(c) - outputs[c]!) * lift;
      for (const end = i + dimensions; i < end; i++) weights[i] = weights[i]! * lift;
    }
    return { weights, bias: outputs };
  }

  forget(worth: number): void {
    const kept = Math.min(1, worth / this.weight);
    if (!(kept < 1)) return;
    for (const { values } of [this.samples, this.weightSums]) {
      for (let c = 0; c < this.classCount; c++) values[c] = values[c]! * kept;
    }
    this.weight *= kept;
    // W = B P, for the B of all targets, which count less as well.
    const { values } = this.weights;
    this.precision.forget(kept, this.ridge, values, this.classCount);
    for (let i = 0; i < this.classCount * this.dimensions; i++) values[i] = values[i]! * kept;
  }

  snapshot(): LearnerState {
    const { pending, ...precision } = this.precision.snapshot();
    return {
      metadata: { classCount: this.classCount, weight: this.weight, seen: this.seen, pending },
      arrays: {
        ...precision,
        weights: this.weights.copy(),
        samples: this.samples.copy(),
        weightSums: this.weightSums.copy(),
        mean: this.mean.slice(),
      },
    };
  }

  /** Mean target of a class. */
  private share(classIndex: number): number {
    return this.weight > 0 ? this.weightSums.values[classIndex]! / this.weight : 0;
  }

  /** What the values of a class are multiplied by; 1 if it has the average weight. */
  private lift(classIndex: number): number {
    const average = this.seen > 0 ? this.weight / this.seen : 0;
    return Math.sqrt((average + BALANCE_PRIOR) / (this.weightSums.values[classIndex]! + BALANCE_PRIOR));
  }

  /** The weight of a sample of this class, which is among the samples already. */
  private balance(classIndex: number): number {
    const samples = this.samples.values;
    let seen = 0;
    let sum = 0;
    for (let c = 0; c < this.classCount; c++) {
      if (samples[c]! > 0) seen += 1;
      sum += samples[c]!;
    }
    return Math.sqrt((sum / seen + BALANCE_PRIOR) / (samples[classIndex]! + BALANCE_PRIOR));
  }

  /** Takes `deviation`, whose targets are in `errors`, into the regression. */
  private step(weight: number): void {
    if (weight === 0) return;
    const { arithmetic, weights, deviation, errors, outputs } = this;
    const { gain } = this.precision.add(deviation, weight);
    arithmetic.multiplyRows(weights.values, deviation, errors.length, outputs);
    for (let c = 0; c < errors.length; c++) errors[c] = weight * (errors[c]! - outputs[c]!);
    arithmetic.addOuter(weights.values, errors, gain, errors.length);
  }

  private resizeScratch(): void {
    this.errors = new Float64Array(this.classCount);
    this.outputs = new Float64Array(this.classCount);
  }
}
