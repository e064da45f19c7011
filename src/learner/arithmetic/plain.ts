// The definition of `Arithmetic`, to the last bit, and what runs where there is no native addon.
import type { Arithmetic, SgdStep } from '../../native/index.js';
import type { Floats } from '../head/softmax.js';
import { sumInEightLanes } from './eight-lanes.js';
import { softmaxLoss } from './plain-softmax-loss.js';

/** `Arithmetic` in TypeScript. Arguments are not checked: the native form refuses wrong ones, here the result is of no use. */
export const plainArithmetic: Arithmetic = {
  multiplyRows,
  addOuter,
  stepRows,
  multiplySymmetric,
  addSymmetricOuters,
  softmaxLoss,
};

function multiplyRows(matrix: Floats, vector: Floats, rows: number, out: Float64Array): void {
  const columns = vector.length;
  for (let r = 0; r < rows; r++) out[r] = sumInEightLanes(matrix, r * columns, vector, columns);
}

function addOuter(matrix: Float64Array, coefficients: Float64Array, vector: Float64Array, rows: number): void {
  const columns = vector.length;
  for (let r = 0, at = 0; r < rows; r++) {
    const coefficient = coefficients[r]!;
    for (let d = 0; d < columns; d++, at++) matrix[at] = matrix[at]! + coefficient * vector[d]!;
  }
}

function stepRows(step: SgdStep): void {
  const { rows, weights, velocity, average, input, rate, momentum, weightDecay } = step;
  const columns = input.length;
  for (let r = 0, at = 0; r < rows; r++) {
    const error = step.errors[r]!;
    const pull = step.pulls[r]!;
    for (let d = 0; d < columns; d++, at++) {
      const weight = weights[at]!;
      const v = momentum * velocity[at]! + (error * input[d]! + weightDecay * weight);
      const moved = weight - rate * v;
      velocity[at] = v;
      weights[at] = moved;
      average[at] = average[at]! + pull * (moved - average[at]!);
    }
  }
}

function multiplySymmetric(packed: Float64Array, vector: Float64Array, out: Float64Array): void {
  const size = vector.length;
  for (let i = 0, row = 0; i < size; row += ++i) {
    const value = vector[i]!;
    out[i] = sumInEightLanes(packed, row, vector, i) + packed[row + i]! * value;
    for (let j = 0; j < i; j++) out[j] = out[j]! + packed[row + j]! * value;
  }
}

function addSymmetricOuters(
  packed: Float64Array,
  columns: Float64Array,
  coefficients: Float64Array,
  count: number,
): void {
  const size = triangleSize(packed.length);
  for (let i = 0, row = 0; i < size; row += ++i) {
    for (let k = 0, column = 0; k < count; k++, column += size) {
      const factor = coefficients[k]! * columns[column + i]!;
      for (let j = 0; j <= i; j++) packed[row + j] = packed[row + j]! + factor * columns[column + j]!;
    }
  }
}

/** D of a packed triangle of D (D + 1) / 2 numbers. */
function triangleSize(length: number): number {
  return Math.floor((Math.sqrt(8 * length + 1) - 1) / 2);
}
