import type { Arithmetic } from '../../../native/index.js';
import { sumInEightLanes } from '../../arithmetic/eight-lanes.js';
import { softmaxInPlace } from '../../head/softmax.js';
import { ClassRows } from '../class-rows.js';
import { restandardise, type Standardisation, type StandardisedClassifier, standardiseOne } from './standardisation.js';

/** The rate of the steps: so much, divided by the square root of the penalty of the fits; data that wants a weak prior is clean, and bears large steps. */
const RATE = 0.17;
const HIGHEST_RATE = 0.1;
/** As in sgd.ts: the step of a long embedding is shortened, for it would grow with the square of the length. */
const SQUARED_LENGTH_LIMIT = 64;
/** Rows whose error is below this stay as they are. Most are: of a hundred classes, a handful is in doubt. */
const LEAST_ERROR = 1e-3;
/** The average takes in the weights after so many samples each time: nearly as good as after each, and cheap. */
const AVERAGE_EVERY = 8;
/** Ages after which the average forgets. */
const LONGEST_AVERAGE = 125;
/** The age of an installed row: what was fitted counts as much as so many averaged weights. */
const AGE_OF_FITTED = 4;

/** As data. */
export interface ReplayedSgdState {
  /** [classes, dimensions] */
  readonly weights: Float64Array;
  readonly average: Float64Array;
  /** [classes] */
  readonly bias: Float64Array;
  readonly biasAverage: Float64Array;
  readonly ages: Float64Array;
  /** Samples since the average took in the weights. */
  readonly sinceAverage: number;
}

/**
 * A softmax classifier that goes on from fitted weights by small steps of SGD, one for each sample it is shown, new or replayed; it predicts with the running
 * average of its weights (Polyak and Juditsky 1992), since the last steps push them to and fro. It works on standardised embeddings, and is told the
 * constants.
 */
export class ReplayedSgd {
  private readonly weights: ClassRows;
  private readonly average: ClassRows;
  private readonly bias: ClassRows;
  private readonly biasAverage: ClassRows;
  private readonly ages: ClassRows;
  private sinceAverage: number;
  private readonly input: Float64Array;
  private logits: Float64Array;
  private readonly coefficient = new Float64Array(1);

  constructor(
    private readonly dimensions: number,
    private readonly arithmetic: Arithmetic,
    state?: ReplayedSgdState,
  ) {
    this.weights = new ClassRows(dimensions, state?.weights);
    this.average = new ClassRows(dimensions, state?.average);
    this.bias = new ClassRows(1, state?.bias);
    this.biasAverage = new ClassRows(1, state?.biasAverage);
    this.ages = new ClassRows(1, state?.ages);
    this.sinceAverage = state?.sinceAverage ?? 0;
    this.input = new Float64Array(dimensions);
    this.logits = new Float64Array(this.classCount);
  }

  get classCount(): number {
    return this.ages.count;
  }

  get bytes(): number {
    return this.perClass().reduce((sum, { values }) => sum + values.byteLength, 0);
  }

  addClass(): void {
    for (const rows of this.perClass()) rows.add();
    this.logits = new Float64Array(this.classCount);
  }

  removeClass(index: number): void {
    for (const rows of this.perClass()) rows.remove(index);
    this.logits = new Float64Array(this.classCount);
  }

  /** Logits [classCount], by the average; the array is its own, valid until the next call. */
  predict(embedding: Float32Array, constants: Standardisation): Float64Array {
    const { input } = this;
    // Not as in a step: what is served knows no outliers, and is no other classifier.
    for (let d = 0; d < input.length; d++) input[d] = (embedding[d]! - constants.mean[d]!) * constants.scale[d]!;
    return this.computeLogits(this.average.values, this.biasAverage.values);
  }

  /** One step towards a sample. @param penalty of the fits @param weight of the sample, as in the fits */
  step(embedding: Float32Array, classIndex: number, constants: Standardisation, penalty: number, weight: number): void {
    const { input, coefficient } = this;
    standardiseOne(embedding, constants, input);
    const errors = this.computeLogits(this.weights.values, this.bias.values);
    softmaxInPlace(errors);
    errors[classIndex] = errors[classIndex]! - 1;
    const highest = Math.min(HIGHEST_RATE, (weight * RATE) / Math.sqrt(penalty));
    const rate = highest * Math.min(1, SQUARED_LENGTH_LIMIT / sumInEightLanes(input, 0, input, input.length));
    const bias = this.bias.values;
    for (let c = 0; c < errors.length; c++) {
      const error = errors[c]!;
      if (Math.abs(error) < LEAST_ERROR) continue;
      coefficient[0] = -rate * error;
      this.arithmetic.addOuter(this.weights.row(c), coefficient, input, 1);
      bias[c] = bias[c]! - rate * error;
    }
  }

  /** To be called after the steps of each sample of the stream. */
  averageInTime(): void {
    this.sinceAverage += 1;
    if (this.sinceAverage < AVERAGE_EVERY) return;
    this.sinceAverage = 0;
    const ages = this.ages.values;
    for (let c = 0; c < this.classCount; c++) {
      ages[c] = Math.min(ages[c]! + 1, LONGEST_AVERAGE);
      // Weights that grow with the age; a new row's first is 1.
      const pull = 2 / (ages[c]! + 1);
      moveTowards(this.average.row(c), this.weights.row(c), pull);
      moveTowards(this.biasAverage.row(c), this.bias.row(c), pull);
    }
  }

  /** The average, as a classifier of its own. */
  classifier(constants: Standardisation): StandardisedClassifier {
    return {
      mean: constants.mean.slice(),
      scale: constants.scale.slice(),
      typicalSquaredLength: constants.typicalSquaredLength,
      weights: this.average.copy(),
      bias: this.biasAverage.copy(),
    };
  }

  /** Views of the average: [>= classes, dimensions] and [>= classes]. */
  averages(): { weights: Float64Array; bias: Float64Array } {
    return { weights: this.average.values, bias: this.biasAverage.values };
  }

  /**
   * Goes on from what was fitted, on its constants.
   * @param rows Which row of `fitted` each class has; undefined: none, so that the class keeps what it has learned on `constants`
   */
  install(fitted: StandardisedClassifier, rows: readonly (number | undefined)[], constants: Standardisation): void {
    const { dimensions } = this;
    const [current, average] = [
      { weights: this.weights, bias: this.bias.values },
      { weights: this.average, bias: this.biasAverage.values },
    ];
    rows.forEach((row, c) => {
      for (const { weights, bias } of [current, average]) {
        if (row === undefined) bias[c] = bias[c]! + restandardise(weights.row(c), constants, fitted);
        else {
          weights.row(c).set(fitted.weights.subarray(row * dimensions, (row + 1) * dimensions));
          bias[c] = fitted.bias[row]!;
        }
      }
      if (row !== undefined) this.ages.values[c] = AGE_OF_FITTED;
    });
    this.sinceAverage = 0;
  }

  snapshot(): ReplayedSgdState {
    return {
      weights: this.weights.copy(),
      average: this.average.copy(),
      bias: this.bias.copy(),
      biasAverage: this.biasAverage.copy(),
      ages: this.ages.copy(),
      sinceAverage: this.sinceAverage,
    };
  }

  private perClass(): ClassRows[] {
    return [this.weights, this.average, this.bias, this.biasAverage, this.ages];
  }

  private computeLogits(weights: Float64Array, bias: Float64Array): Float64Array {
    const { logits } = this;
    this.arithmetic.multiplyRows(weights, this.input, logits.length, logits);
    for (let c = 0; c < logits.length; c++) logits[c] = logits[c]! + bias[c]!;
    return logits;
  }
}

function moveTowards(values: Float64Array, target: Float64Array, pull: number): void {
  for (let i = 0; i < values.length; i++) values[i] = values[i]! + pull * (target[i]! - values[i]!);
}
