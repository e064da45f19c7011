/**
 * Solves A x = b for a symmetric positive definite A by its L D L^T factors, in a fixed order of operations. For the few numbers of a blend.
 * @param matrix [n, n], row-major; only its lower triangle is read. @param vector [n] @returns x [n]
 */
export function solveSymmetric(matrix: Float64Array, vector: Float64Array): Float64Array {
  const n = vector.length;
  const lower = new Float64Array(n * n);
  const diagonal = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let value = matrix[i * n + j]!;
      for (let k = 0; k < j; k++) value -= lower[i * n + k]! * lower[j * n + k]! * diagonal[k]!;
      if (i === j) diagonal[i] = value;
      else lower[i * n + j] = value / diagonal[j]!;
    }
  }
  const x = Float64Array.from(vector);
  for (let i = 0; i < n; i++) for (let k = 0; k < i; k++) x[i]! -= lower[i * n + k]! * x[k]!;
  for (let i = 0; i < n; i++) x[i]! /= diagonal[i]!;
  for (let i = n - 1; i >= 0; i--) for (let k = i + 1; k < n; k++) x[i]! -= lower[k * n + i]! * x[k]!;
  return x;
}
