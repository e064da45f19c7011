/** The direct way to what the recursive learners keep up to date: small, slow and plain. */

/** a^-1 by Gauss and Jordan with partial pivoting. */
export function inverse(a: readonly (readonly number[])[]): number[][] {
  const n = a.length;
  const rows = a.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))]);
  for (let column = 0; column < n; column++) {
    const below = rows.slice(column).map((row) => Math.abs(row[column]!));
    const pivot = column + below.indexOf(Math.max(...below));
    [rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!];
    const divisor = rows[column]![column]!;
    rows[column] = rows[column]!.map((value) => value / divisor);
    for (let r = 0; r < n; r++) {
      if (r === column) continue;
      const factor = rows[r]![column]!;
      rows[r] = rows[r]!.map((value, j) => value - factor * rows[column]![j]!);
    }
  }
  return rows.map((row) => row.slice(n));
}

export function multiply(matrix: readonly (readonly number[])[], vector: readonly number[]): number[] {
  return matrix.map((row) => dot(row, vector));
}

export function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

export interface WeightedSample {
  readonly input: readonly number[];
  readonly weight: number;
}

/** Weighted mean of the inputs. */
export function mean(samples: readonly WeightedSample[]): number[] {
  const total = samples.reduce((sum, { weight }) => sum + weight, 0);
  return samples[0]!.input.map(
    (_, d) => samples.reduce((sum, { input, weight }) => sum + weight * input[d]!, 0) / total,
  );
}

/** ridge I + sum of weight (input - centre(sample)) (input - centre(sample))^T */
export function scatter<T extends WeightedSample>(
  samples: readonly T[],
  centreOf: (sample: T) => readonly number[],
  ridge: number,
): number[][] {
  const size = samples[0]!.input.length;
  const matrix = Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => (i === j ? ridge : 0)));
  for (const sample of samples) {
    const centre = centreOf(sample);
    const u = sample.input.map((value, d) => value - centre[d]!);
    for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) matrix[i]![j]! += sample.weight * u[i]! * u[j]!;
  }
  return matrix;
}
