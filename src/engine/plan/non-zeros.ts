// Weights are looked at as bits, and zeros are told apart without a branch: with one weight in ten left, half of the time would go into wrong
// guesses of the CPU.

export function bitsOf(weights: Float32Array): Int32Array {
  return new Int32Array(weights.buffer, weights.byteOffset, weights.length);
}

/** 0 for the bits of a zero of either sign, else 1. */
export function isNonZero(bits: number): number {
  const magnitude = bits << 1;
  return (magnitude | -magnitude) >>> 31;
}

export function countNonZeros(weights: Float32Array): number {
  const bits = bitsOf(weights);
  let count = 0;
  for (let at = 0; at < bits.length; at++) count += isNonZero(bits[at]!);
  return count;
}

/** Of each of `rows` equally long rows. */
export function countRows(weights: Float32Array, rows: number): Int32Array {
  const bits = bitsOf(weights);
  const length = bits.length / rows;
  const counts = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    let count = 0;
    for (let at = row * length, end = at + length; at < end; at++) count += isNonZero(bits[at]!);
    counts[row] = count;
  }
  return counts;
}
