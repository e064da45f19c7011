/**
 * The inner loops of the learners, in FP64. Each function is defined to the last bit by its plain TypeScript form in
 * src/learner/arithmetic/plain.ts: no fused multiply-add, every sum in the order said here. So a head's state is the same with and without the
 * addon, on every instruction set.
 *
 * "In eight lanes": products of columns d go to the sum of lane d mod 8 in order of d, for the columns below the last multiple of eight; then
 * ((l0 + l4) + (l2 + l6)) + ((l1 + l5) + (l3 + l7)), then the products of the columns that are left, summed by themselves in order, are added.
 *
 * Matrices are row-major, [rows, D] with D the length of the vector that goes with them; arrays may be longer than is used where nothing else is said.
 * All memory is the caller's, and none may overlap what is written. Everything runs on the calling thread.
 */
export interface Arithmetic {
  /** out[r] = sum over d of matrix[r, d] * vector[d], in eight lanes, for r < rows. Both of FP64 or both of FP32 (products and sums in FP64). */
  multiplyRows(
    matrix: Float64Array | Float32Array,
    vector: Float64Array | Float32Array,
    rows: number,
    out: Float64Array,
  ): void;

  /** matrix[r, d] += coefficients[r] * vector[d], for r < rows. */
  addOuter(matrix: Float64Array, coefficients: Float64Array, vector: Float64Array, rows: number): void;

  /**
   * A step of SGD with momentum and a running average, for r < rows and each d: v = momentum * velocity + (errors[r] * input[d] + weightDecay * w);
   * moved = w - rate * v; velocity = v; weights = moved; average = average + pulls[r] * (moved - average).
   */
  stepRows(step: SgdStep): void;

  /**
   * out = S vector for the symmetric S [D, D] packed as its lower triangle by rows (row i begins at i (i + 1) / 2 and has i + 1 numbers).
   * Row by row from 0: out[i] = (sum over j < i of S[i, j] * vector[j], in eight lanes) + S[i, i] * vector[i]; then, before the next row,
   * out[j] += S[i, j] * vector[i] for j < i.
   */
  multiplySymmetric(packed: Float64Array, vector: Float64Array, out: Float64Array): void;

  /** S[i, j] += (coefficients[k] * columns[k, i]) * columns[k, j] for k = 0, 1, ... count - 1 in this order, for j <= i. S packed as above, of exactly D (D + 1) / 2 numbers. */
  addSymmetricOuters(packed: Float64Array, columns: Float64Array, coefficients: Float64Array, count: number): void;

  /**
   * The weighted cross entropy of a softmax regression and its gradient: logits[n, c] = (sum over d of weights[c, d] * embeddings[n, d], in eight lanes) + bias[c].
   * For each sample n in order, loss += sampleWeights[n] * -log softmax(logits[n])[labels[n]] (softmax and cross entropy as in head/softmax.ts, with
   * its exp and log), and with e[c] = sampleWeights[n] * (softmax(logits[n])[c] - (c == labels[n])): weightGradient[c, d] += e[c] * embeddings[n, d],
   * biasGradient[c] += e[c]. Gradients are added to what is there. @returns the loss
   */
  softmaxLoss(problem: SoftmaxProblem): number;
}

export interface SgdStep {
  readonly rows: number;
  /** [rows, D] each */
  readonly weights: Float64Array;
  readonly velocity: Float64Array;
  readonly average: Float64Array;
  /** [D] */
  readonly input: Float64Array;
  /** [rows] each */
  readonly errors: Float64Array;
  readonly pulls: Float64Array;
  readonly rate: number;
  readonly momentum: number;
  readonly weightDecay: number;
}

export interface SoftmaxProblem {
  /** N */
  readonly samples: number;
  /** C */
  readonly classes: number;
  /** [N, D] */
  readonly embeddings: Float32Array;
  /** [N], each below C */
  readonly labels: Int32Array;
  /** [N] */
  readonly sampleWeights: Float64Array;
  /** Exactly [C, D] */
  readonly weights: Float64Array;
  /** [C] */
  readonly bias: Float64Array;
  /** [C, D] */
  readonly weightGradient: Float64Array;
  /** [C] */
  readonly biasGradient: Float64Array;
}
