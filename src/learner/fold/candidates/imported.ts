import type { Arithmetic } from '../../../native/index.js';
import type { LinearClassifier } from '../../learners/learner.js';

/** Classes that the imported head does not know are as unlikely as its mean class, and e^-8 times that: finite, so that a blend can overrule it. */
const UNKNOWN_PENALTY = 8;
const NO_ROW = -1;

/** A classifier from elsewhere, as it came. */
export interface ImportedState {
  /** [rows, dimensions], row-major; a class may have lost its row's use, but the row stays. */
  readonly weights: Float32Array;
  /** [rows] */
  readonly bias: Float32Array;
  /** Of each of the head's classes: its row; -1: the classifier does not know it. */
  readonly rows: number[];
}

/** Frozen weights from elsewhere as a linear classifier of the head's classes. It learns nothing. */
export class Imported {
  private readonly own: Float64Array;
  private logits = new Float64Array(8);

  /** @param state Taken over, not copied. */
  constructor(
    private readonly state: ImportedState,
    private readonly arithmetic: Arithmetic,
  ) {
    this.own = new Float64Array(state.bias.length);
  }

  get bytes(): number {
    return this.state.weights.byteLength + this.state.bias.byteLength;
  }

  /** A class that the head learned of later. */
  addClass(): void {
    this.state.rows.push(NO_ROW);
  }

  removeClass(index: number): void {
    this.state.rows.splice(index, 1);
  }

  /** Logits of the head's classes. The array is this object's own: valid until the next call. */
  predict(embedding: Float32Array): Float64Array {
    const { weights, bias, rows } = this.state;
    const { own } = this;
    if (rows.length > this.logits.length) this.logits = new Float64Array(rows.length * 2);
    this.arithmetic.multiplyRows(weights, embedding, bias.length, own);
    for (let r = 0; r < own.length; r++) own[r] = own[r]! + bias[r]!;
    const known = rows.filter((row) => row !== NO_ROW);
    const unknown = known.reduce((sum, row) => sum + own[row]!, 0) / Math.max(1, known.length) - UNKNOWN_PENALTY;
    for (let c = 0; c < rows.length; c++) this.logits[c] = rows[c] === NO_ROW ? unknown : own[rows[c]!]!;
    return this.logits.subarray(0, rows.length);
  }

  /** The same as `predict`, as weights [classes, dimensions]: the mean of the known rows is linear, too. */
  serving(): LinearClassifier {
    const { rows, bias, weights } = this.state;
    const dimensions = bias.length === 0 ? 0 : weights.length / bias.length;
    const known = rows.filter((row) => row !== NO_ROW);
    const mean = new Float64Array(dimensions);
    let meanBias = 0;
    for (const row of known) {
      for (let d = 0; d < dimensions; d++) mean[d]! += weights[row * dimensions + d]! / known.length;
      meanBias += bias[row]! / known.length;
    }
    const served = { weights: new Float32Array(rows.length * dimensions), bias: new Float32Array(rows.length) };
    rows.forEach((row, c) => {
      const values = row === NO_ROW ? mean : weights.subarray(row * dimensions, (row + 1) * dimensions);
      served.weights.set(values, c * dimensions);
      served.bias[c] = row === NO_ROW ? meanBias - UNKNOWN_PENALTY : bias[row]!;
    });
    return served;
  }

  snapshot(): ImportedState {
    const { weights, bias, rows } = this.state;
    return { weights: weights.slice(), bias: bias.slice(), rows: [...rows] };
  }
}
