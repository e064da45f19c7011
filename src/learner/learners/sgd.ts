import { z } from 'zod';
import type { Arithmetic } from '../../native/index.js';
import { sumInEightLanes } from '../arithmetic/eight-lanes.js';
import { softmaxInPlace } from '../head/softmax.js';
import { nearnessOf, Standardiser, startOfStandardiser } from '../head/standardise.js';
import type { SgdOptions } from '../types.js';
import { checkClass, checkLength, checkSample } from './check-sample.js';
import { ClassRows } from './class-rows.js';
import type { DriftChange, Learner, LearnerState, LinearClassifier } from './learner.js';
import { RareClasses } from './rare-classes.js';
import { count, readFloat64, readMetadata } from './read-state.js';
import { servingWeights } from './serving-weights.js';
import { worthOfOld } from './worth-of-old.js';

/**
 * A step is shortened for embeddings whose squared length is above this, about the mean: the step of an outlier would else grow
 * with its square and undo what was learned. (Caltech-101 in one pass, eight orders: 0.3 to 0.4 points more.)
 */
const SQUARED_LENGTH_LIMIT = 64;
/** Samples over which a row's average forgets; younger rows average their whole life, its later part more. */
const AVERAGE_WINDOW = 1000;

const metadataSchema = z.object({
  classCount: count,
  steps: count,
  rate: z.number().positive(),
  standardiser: z.object({ count, floor: z.number().nonnegative() }),
});

/**
 * Multinomial logistic regression, one sample a step: SGD with momentum, weight decay and a rate that is divided every so many
 * samples (Iofinova et al. 2022, section 3.3, appendix B), on standardised embeddings. It predicts and is served with the
 * running average of its weights (Polyak and Juditsky 1992), since a single pass ends wherever the last few samples pushed it.
 *
 * After a sample it steps towards the mean of a class that is behind, if there is one: a class of few samples would else never be the answer, however
 * large its own steps are, and classes that come one after the other would be forgotten the more.
 */
export class SgdLearner implements Learner {
  readonly kind = 'sgd';
  private readonly standardiser: Standardiser;
  /** Steps since the rate was the first one. */
  private steps = 0;
  /** Learning rate of the next step. */
  private rate: number;
  private readonly weights: ClassRows;
  private readonly velocity: ClassRows;
  private readonly average: ClassRows;
  private readonly bias: ClassRows;
  private readonly biasVelocity: ClassRows;
  private readonly biasAverage: ClassRows;
  /** Steps taken since the class was added. */
  private readonly ages: ClassRows;
  private readonly rare: RareClasses;
  /** The standardised embedding of the current call. */
  private readonly input: Float64Array;
  private logits = new Float64Array(0);
  private pulls = new Float64Array(0);

  /** @param state What `snapshot` gave; undefined: nothing learned, no classes. @throws LearnerError snapshot_corrupt */
  constructor(
    readonly dimensions: number,
    private readonly options: SgdOptions,
    private readonly arithmetic: Arithmetic,
    state?: LearnerState,
  ) {
    const saved = state && readMetadata(state, metadataSchema);
    const classes = saved?.classCount ?? 0;
    const rows = (name: string, width: number) =>
      new ClassRows(width, state && readFloat64(state.arrays, name, classes * width));
    this.weights = rows('weights', dimensions);
    this.velocity = rows('velocity', dimensions);
    this.average = rows('average', dimensions);
    this.bias = rows('bias', 1);
    this.biasVelocity = rows('biasVelocity', 1);
    this.biasAverage = rows('biasAverage', 1);
    this.ages = rows('ages', 1);
    this.rare = new RareClasses(dimensions, classes, state);
    this.steps = saved?.steps ?? 0;
    this.rate = saved?.rate ?? options.rate;
    this.standardiser = new Standardiser(
      state && saved
        ? {
            ...saved.standardiser,
            mean: readFloat64(state.arrays, 'mean', dimensions),
            squares: readFloat64(state.arrays, 'squares', dimensions),
          }
        : startOfStandardiser(dimensions),
    );
    this.input = new Float64Array(dimensions);
    this.resizeScratch();
  }

  get classCount(): number {
    return this.ages.count;
  }

  get bytes(): number {
    const { mean, squares } = this.standardiser.state;
    const own = this.perClass().reduce((sum, { values }) => sum + values.byteLength, 0);
    return own + this.rare.bytes + mean.byteLength + squares.byteLength;
  }

  addClass(): number {
    for (const rows of this.perClass()) rows.add();
    this.rare.addClass();
    this.resizeScratch();
    return this.classCount - 1;
  }

  removeClass(index: number): void {
    checkClass(index, this.classCount);
    for (const rows of this.perClass()) rows.remove(index);
    this.rare.removeClass(index);
    this.resizeScratch();
  }

  /** Logits by the averaged weights. */
  predict(embedding: Float32Array): Float64Array {
    checkLength(embedding, this.dimensions);
    this.standardiser.apply(embedding, this.input);
    return this.computeLogits(this.average.values, this.biasAverage.values);
  }

  /** One step of SGD, and one more if a class is behind. */
  learnOne(embedding: Float32Array, classIndex: number): void {
    checkSample(embedding, classIndex, this);
    const { standardiser, rare, input } = this;
    standardiser.observe(embedding);
    standardiser.apply(embedding, input);
    const squaredLength = this.step(classIndex);
    const nearness = nearnessOf(squaredLength, standardiser.typicalSquaredLength);
    rare.observe(embedding, classIndex, standardiser.state.mean, nearness);
    const behind = rare.next(classIndex);
    if (behind !== undefined) {
      standardiser.apply(behind.mean, input);
      this.step(behind.classIndex);
    }
    this.anneal();
  }

  serving(): LinearClassifier {
    const { scale, state } = this.standardiser;
    const classifier = { weights: this.average.values, bias: this.biasAverage.values, offset: state.mean, scale };
    return servingWeights(classifier, this.classCount);
  }

  /** Steps are as large as at first again, the averages forget, and weights that have become worthless shrink. */
  forget(change: DriftChange): void {
    const worth = worthOfOld(change);
    if (worth >= this.steps) return;
    this.steps = 0;
    this.rate = this.options.rate;
    this.standardiser.forget(Math.max(worth, change.recent));
    for (let c = 0; c < this.classCount; c++) this.ages.values[c] = Math.min(this.ages.values[c]!, worth);
    // What is mostly wrong must not be shown again.
    this.rare.forget(worth < change.recent ? 0 : worth);
    const kept = worth / (worth + change.recent);
    for (const { values } of this.perClass()) {
      if (values !== this.ages.values) for (let i = 0; i < values.length; i++) values[i] = values[i]! * kept;
    }
  }

  waitsFor(): undefined {}

  settled(): undefined {}

  snapshot(): LearnerState {
    const { count: seen, floor, mean, squares } = this.standardiser.state;
    return {
      metadata: {
        classCount: this.classCount,
        steps: this.steps,
        rate: this.rate,
        standardiser: { count: seen, floor },
      },
      arrays: {
        mean: mean.slice(),
        squares: squares.slice(),
        weights: this.weights.copy(),
        velocity: this.velocity.copy(),
        average: this.average.copy(),
        bias: this.bias.copy(),
        biasVelocity: this.biasVelocity.copy(),
        biasAverage: this.biasAverage.copy(),
        ages: this.ages.copy(),
        ...this.rare.snapshot(),
      },
    };
  }

  private perClass(): ClassRows[] {
    const { weights, velocity, average, bias, biasVelocity, biasAverage, ages } = this;
    return [weights, velocity, average, bias, biasVelocity, biasAverage, ages];
  }

  private resizeScratch(): void {
    if (this.logits.length === this.classCount) return;
    this.logits = new Float64Array(this.classCount);
    this.pulls = new Float64Array(this.classCount);
  }

  private computeLogits(weights: Float64Array, bias: Float64Array): Float64Array {
    const { logits } = this;
    this.arithmetic.multiplyRows(weights, this.input, logits.length, logits);
    for (let c = 0; c < logits.length; c++) logits[c] = logits[c]! + bias[c]!;
    return logits;
  }

  /** A step towards a class for the standardised embedding in `input`. @returns its squared length */
  private step(classIndex: number): number {
    const { input, pulls, rate, classCount: rows } = this;
    const squaredLength = sumInEightLanes(input, 0, input, input.length);
    const errors = this.computeErrors(classIndex, squaredLength);
    this.age();
    const { momentum, weightDecay } = this.options;
    const matrices = { weights: this.weights.values, velocity: this.velocity.values, average: this.average.values };
    this.arithmetic.stepRows({ rows, ...matrices, input, errors, pulls, rate, momentum, weightDecay });
    this.stepBias(errors);
    return squaredLength;
  }

  /** softmax - onehot, which is the cross entropy's gradient by the logits; shortened for outliers. */
  private computeErrors(classIndex: number, squaredLength: number): Float64Array {
    const errors = this.computeLogits(this.weights.values, this.bias.values);
    softmaxInPlace(errors);
    errors[classIndex] = errors[classIndex]! - 1;
    const clip = squaredLength > SQUARED_LENGTH_LIMIT ? SQUARED_LENGTH_LIMIT / squaredLength : 1;
    for (let c = 0; c < errors.length; c++) errors[c] = errors[c]! * clip;
    return errors;
  }

  private age(): void {
    const ages = this.ages.values;
    for (let c = 0; c < this.pulls.length; c++) {
      const age = ages[c]! + 1;
      ages[c] = age;
      // 2 / (age + 1) averages with weights that grow with the age; the first sample's is 1.
      this.pulls[c] = Math.max(2 / (age + 1), 1 / AVERAGE_WINDOW);
    }
  }

  private stepBias(errors: Float64Array): void {
    const bias = this.bias.values;
    const velocity = this.biasVelocity.values;
    const average = this.biasAverage.values;
    for (let c = 0; c < errors.length; c++) {
      velocity[c] = this.options.momentum * velocity[c]! + errors[c]!;
      bias[c] = bias[c]! - this.rate * velocity[c]!;
      average[c] = average[c]! + this.pulls[c]! * (bias[c]! - average[c]!);
    }
  }

  private anneal(): void {
    const { rate, annealEvery, annealFactor, rateFloor } = this.options;
    this.steps += 1;
    if (this.steps % annealEvery === 0) this.rate = Math.max(this.rate / annealFactor, rate * rateFloor);
  }
}
