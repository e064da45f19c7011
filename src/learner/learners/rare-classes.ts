import { ClassRows } from './class-rows.js';
import type { LearnerState } from './learner.js';
import { readFloat64 } from './read-state.js';

/** A class is behind when it has had less than this part of the average class's steps. */
const BEHIND = 0.8;
/** Steps that each class is given before: shares of a few samples are chance. */
const STEPS_BEFORE = 10;
/** Steps fade, so that an average class has about so many in the long run: what a class had long ago has been undone since. */
const STEPS_KEPT = 64;
/** Samples over which a class's mean forgets. */
const MEAN_WINDOW = 1000;

/**
 * Finds classes that samples come too seldom of for one step each, and what to show again of them: their means, which are more of the class than any one
 * sample, and take little memory. (29 of 2,909 CIFAR-10 photos: recall 0 without, 39 % with them; photos of frequent classes are recognised as before. And
 * CIFAR-10 sorted by class: 45 % without, 59 % with them.)
 */
export class RareClasses {
  /** [classes, dimensions] Of the raw embeddings. */
  private readonly means: ClassRows;
  /** [classes] That the means are made of; 0: there is none. */
  private readonly samples: ClassRows;
  /** [classes] Samples, and times that the mean was shown, both fading. */
  private readonly steps: ClassRows;
  /** [classes] Samples, fading. */
  private readonly shares: ClassRows;

  /** @param classes Of the state. @throws LearnerError snapshot_corrupt */
  constructor(dimensions: number, classes: number, state?: LearnerState) {
    const rows = (name: string, width: number) =>
      new ClassRows(width, state && readFloat64(state.arrays, name, classes * width));
    this.means = rows('means', dimensions);
    this.samples = rows('samples', 1);
    this.steps = rows('classSteps', 1);
    this.shares = rows('shares', 1);
  }

  get bytes(): number {
    return this.perClass().reduce((sum, { values }) => sum + values.byteLength, 0);
  }

  addClass(): void {
    for (const rows of this.perClass()) rows.add();
  }

  removeClass(index: number): void {
    for (const rows of this.perClass()) rows.remove(index);
  }

  /**
   * Takes in a sample.
   * @param centre What outliers are brought nearer to. @param nearness 1, and less for an outlier: see head/standardise.ts
   */
  observe(embedding: Float32Array, classIndex: number, centre: Float64Array, nearness: number): void {
    const samples = Math.min(this.samples.values[classIndex]! + 1, MEAN_WINDOW);
    this.samples.values[classIndex] = samples;
    const mean = this.means.row(classIndex);
    for (let d = 0; d < mean.length; d++) {
      const bounded = centre[d]! + (embedding[d]! - centre[d]!) * nearness;
      mean[d] = mean[d]! + (bounded - mean[d]!) / samples;
    }
    this.fade();
    this.shares.values[classIndex]! += 1;
    this.steps.values[classIndex]! += 1;
  }

  /**
   * The class that is farthest behind, which counts as shown by this; undefined: none is behind.
   * @param current The class of the sample: it has its step. (A class that has just begun would else be shown twice as often, while older ones are forgotten.)
   * @returns its index and its mean [dimensions], a view
   */
  next(current: number): { readonly classIndex: number; readonly mean: Float64Array } | undefined {
    const [samples, steps, shares] = [this.samples.values, this.steps.values, this.shares.values];
    let sum = 0;
    let seen = 0;
    let last = -1;
    for (let c = 0; c < this.samples.count; c++) {
      if (samples[c] === 0) continue;
      seen += 1;
      sum += shares[c]!;
      if (c !== current && (last < 0 || steps[c]! < steps[last]!)) last = c;
    }
    if (last < 0 || steps[last]! + STEPS_BEFORE >= BEHIND * (sum / seen + STEPS_BEFORE)) return undefined;
    steps[last] = steps[last]! + 1;
    return { classIndex: last, mean: this.means.row(last) };
  }

  /** The means count as so many samples at most, or are no longer true at all: 0. */
  forget(worth: number): void {
    for (let c = 0; c < this.samples.count; c++) this.samples.values[c] = Math.min(this.samples.values[c]!, worth);
    if (worth === 0) this.means.values.fill(0);
  }

  /** Copies. */
  snapshot(): LearnerState['arrays'] {
    return {
      means: this.means.copy(),
      samples: this.samples.copy(),
      classSteps: this.steps.copy(),
      shares: this.shares.copy(),
    };
  }

  private fade(): void {
    const kept = 1 - 1 / (STEPS_KEPT * this.samples.count);
    for (const { values } of [this.steps, this.shares]) {
      for (let c = 0; c < this.samples.count; c++) values[c] = values[c]! * kept;
    }
  }

  private perClass(): ClassRows[] {
    return [this.means, this.samples, this.steps, this.shares];
  }
}
