import type { LearnerOptions } from '../types.js';
import { dotRow } from './dot.js';
import { checkLearnerOptions } from './learner-options.js';
import { softmaxInPlace } from './softmax.js';
import { Standardiser, type StandardiserState, startOfStandardiser } from './standardise.js';

/**
 * A step is shortened for embeddings whose squared length is above this, about the mean: the step of an outlier would else grow
 * with its square and undo what was learned. (Caltech-101 in one pass, eight orders: 0.3 to 0.4 points more.)
 */
const SQUARED_LENGTH_LIMIT = 64;
/** Samples over which a row's average forgets; younger rows average their whole life, its later part more. */
const AVERAGE_WINDOW = 1000;

const FP32_MAX = 3.4028234663852886e38;

/** Everything that the next step depends on. Matrices are row-major, one row a class. */
export interface SgdState {
  readonly standardiser: StandardiserState;
  /** Samples learned. */
  samples: number;
  /** Learning rate of the next step. */
  rate: number;
  classCount: number;
  /** [>= classCount, dimensions] */
  weights: Float64Array;
  velocity: Float64Array;
  average: Float64Array;
  /** [>= classCount] */
  bias: Float64Array;
  biasVelocity: Float64Array;
  biasAverage: Float64Array;
  /** Samples learned since the class was added. */
  ages: Float64Array;
}

/** The arrays of the state that grow with the classes, and whether a class has a row or a single number in them. */
const perClass = {
  weights: 'row',
  velocity: 'row',
  average: 'row',
  bias: 'number',
  biasVelocity: 'number',
  biasAverage: 'number',
  ages: 'number',
} as const;

/**
 * Multinomial logistic regression, one sample a step: SGD with momentum, weight decay and a rate that is divided every so many
 * samples (Iofinova et al. 2022, section 3.3, appendix B), on standardised embeddings. It predicts and is served with the
 * running average of its weights (Polyak and Juditsky 1992), since a single pass ends wherever the last few samples pushed it.
 *
 * Deterministic: the same calls give the same bits on every machine (see dot.ts, exp.ts).
 */
export class SgdClassifier {
  readonly dimensions: number;
  private readonly standardiser: Standardiser;
  /** The standardised embedding of the current call. */
  private readonly input: Float64Array;
  private logits: Float64Array;

  /** @param state Taken over, not copied. @throws LearnerError invalid_argument when an option is out of its range. */
  constructor(
    private readonly options: LearnerOptions,
    private readonly state: SgdState,
  ) {
    checkLearnerOptions(options);
    this.dimensions = state.standardiser.mean.length;
    this.standardiser = new Standardiser(state.standardiser);
    this.input = new Float64Array(this.dimensions);
    this.logits = new Float64Array(state.ages.length);
  }

  /** The state of a classifier that has learned nothing and has no classes. */
  static start(dimensions: number, options: LearnerOptions): SgdState {
    const empty = () => new Float64Array(0);
    return {
      standardiser: startOfStandardiser(dimensions),
      samples: 0,
      rate: options.rate,
      classCount: 0,
      weights: empty(),
      velocity: empty(),
      average: empty(),
      bias: empty(),
      biasVelocity: empty(),
      biasAverage: empty(),
      ages: empty(),
    };
  }

  get classCount(): number {
    return this.state.classCount;
  }

  /** Adds a class, whose weights are zeros, and returns its index. */
  addClass(): number {
    const index = this.state.classCount++;
    if (index >= this.state.ages.length) this.grow(Math.max(8, index * 2));
    return index;
  }

  /**
   * Logits [classCount] of one embedding [dimensions] by the averaged weights. The array is the classifier's own: it is
   * valid until the next call.
   */
  predict(embedding: Float32Array): Float64Array {
    const { average, biasAverage, classCount } = this.state;
    this.standardiser.apply(embedding, this.input);
    for (let c = 0; c < classCount; c++) this.logits[c] = dotRow(average, c, this.input) + biasAverage[c]!;
    return this.logits.subarray(0, classCount);
  }

  /** One step of SGD. @param embedding [dimensions], finite. @param classIndex Below classCount. */
  learnOne(embedding: Float32Array, classIndex: number): void {
    this.standardiser.observe(embedding);
    this.standardiser.apply(embedding, this.input);
    this.computeErrors(classIndex);
    const squaredLength = dotRow(this.input, 0, this.input);
    const clip = squaredLength > SQUARED_LENGTH_LIMIT ? SQUARED_LENGTH_LIMIT / squaredLength : 1;
    for (let c = 0; c < this.state.classCount; c++) this.step(c, this.logits[c]! * clip);
    this.anneal();
  }

  /**
   * The averaged weights with the standardisation folded in, as serving needs them: logits = weights · embedding + bias.
   * The bias is made for the rounded weights, so rounding to FP32 does not shift the logits of a mean embedding.
   */
  serving(): { weights: Float32Array; bias: Float32Array } {
    const { classCount, average, biasAverage } = this.state;
    const { dimensions } = this;
    const { scale, state } = this.standardiser;
    const weights = new Float32Array(classCount * dimensions);
    const bias = new Float32Array(classCount);
    for (let c = 0; c < classCount; c++) {
      let shift = 0;
      for (let d = 0; d < dimensions; d++) {
        const i = c * dimensions + d;
        weights[i] = Math.max(-FP32_MAX, Math.min(FP32_MAX, average[i]! * scale[d]!));
        shift += weights[i]! * state.mean[d]!;
      }
      bias[c] = biasAverage[c]! - shift;
    }
    return { weights, bias };
  }

  /** Copy of the state, its arrays cut to the classes there are. */
  snapshot(): SgdState {
    const { state } = this;
    const copy: SgdState = { ...state, standardiser: structuredClone(state.standardiser) };
    for (const name of Object.keys(perClass) as (keyof typeof perClass)[]) {
      const width = perClass[name] === 'row' ? this.dimensions : 1;
      copy[name] = state[name].slice(0, state.classCount * width);
    }
    return copy;
  }

  /** Leaves softmax - onehot in `logits`: the cross entropy's gradient by the logits. */
  private computeErrors(classIndex: number): void {
    const { weights, bias, classCount } = this.state;
    const { logits } = this;
    for (let c = 0; c < classCount; c++) logits[c] = dotRow(weights, c, this.input) + bias[c]!;
    softmaxInPlace(logits, classCount);
    logits[classIndex] = logits[classIndex]! - 1;
  }

  /** Moves one class's row: v = momentum v + gradient + decay w; w = w - rate v; then its average towards w. */
  private step(c: number, error: number): void {
    const { weights, velocity, average, bias, biasVelocity, biasAverage, ages, rate } = this.state;
    const { momentum, weightDecay } = this.options;
    const { input, dimensions } = this;
    const age = ages[c]! + 1;
    ages[c] = age;
    // 2 / (age + 1) averages with weights that grow with the age; the first sample's is 1.
    const pull = Math.max(2 / (age + 1), 1 / AVERAGE_WINDOW);
    for (let d = 0, i = c * dimensions; d < dimensions; d++, i++) {
      const w = weights[i]!;
      const v = momentum * velocity[i]! + (error * input[d]! + weightDecay * w);
      const moved = w - rate * v;
      velocity[i] = v;
      weights[i] = moved;
      average[i] = average[i]! + pull * (moved - average[i]!);
    }
    biasVelocity[c] = momentum * biasVelocity[c]! + error;
    bias[c] = bias[c]! - rate * biasVelocity[c]!;
    biasAverage[c] = biasAverage[c]! + pull * (bias[c]! - biasAverage[c]!);
  }

  private anneal(): void {
    const { state } = this;
    const { rate, annealEvery, annealFactor, rateFloor } = this.options;
    state.samples += 1;
    if (state.samples % annealEvery === 0) state.rate = Math.max(state.rate / annealFactor, rate * rateFloor);
  }

  /** Makes room for so many classes; doubling keeps the cost of a new class small on average. */
  private grow(capacity: number): void {
    for (const name of Object.keys(perClass) as (keyof typeof perClass)[]) {
      const grown = new Float64Array(capacity * (perClass[name] === 'row' ? this.dimensions : 1));
      grown.set(this.state[name]);
      this.state[name] = grown;
    }
    this.logits = new Float64Array(capacity);
  }
}
