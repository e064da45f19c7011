import type { Arithmetic, SgdStep, SoftmaxProblem } from './arithmetic.js';

type Doubles = Float64Array;
type Floats = Float32Array | Float64Array;

/** What the addon gives (arithmetic_object.cpp): by position, for that is several times faster to read there than properties. Sizes come first. */
export interface RawArithmetic {
  multiplyRows(rows: number, vector: Floats, matrix: Floats, out: Doubles): void;
  addOuter(rows: number, vector: Doubles, matrix: Doubles, coefficients: Doubles): void;
  stepRows(
    ...[rows, input, weights, velocity, average, errors, pulls, rate, momentum, weightDecay]: [
      ...[number, Doubles, Doubles, Doubles, Doubles, Doubles, Doubles],
      ...[number, number, number],
    ]
  ): void;
  multiplySymmetric(vector: Doubles, packed: Doubles, out: Doubles): void;
  addSymmetricOuters(count: number, packed: Doubles, columns: Doubles, coefficients: Doubles): void;
  softmaxLoss(
    ...[samples, classes, weights, embeddings, labels, sampleWeights, bias, weightGradient, biasGradient]: [
      ...[number, number, Doubles, Float32Array, Int32Array, Doubles, Doubles, Doubles, Doubles],
    ]
  ): number;
}

/** `Arithmetic` over what the addon gives. */
export function bindArithmetic(raw: RawArithmetic): Arithmetic {
  return {
    multiplyRows: (matrix, vector, rows, out) => raw.multiplyRows(rows, vector, matrix, out),
    addOuter: (matrix, coefficients, vector, rows) => raw.addOuter(rows, vector, matrix, coefficients),
    stepRows: ({ rows, input, weights, velocity, average, errors, pulls, ...step }: SgdStep) =>
      raw.stepRows(
        ...[rows, input, weights, velocity, average, errors, pulls, step.rate, step.momentum, step.weightDecay],
      ),
    multiplySymmetric: (packed, vector, out) => raw.multiplySymmetric(vector, packed, out),
    addSymmetricOuters: (packed, columns, coefficients, count) =>
      raw.addSymmetricOuters(count, packed, columns, coefficients),
    softmaxLoss: (problem: SoftmaxProblem) =>
      raw.softmaxLoss(
        problem.samples,
        problem.classes,
        problem.weights,
        problem.embeddings,
        problem.labels,
        problem.sampleWeights,
        problem.bias,
        problem.weightGradient,
        problem.biasGradient,
      ),
  };
}
