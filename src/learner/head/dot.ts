import type { Floats } from './softmax.js';

/**
 * Sum of matrix[row, d] * vector[d]. Summed in eight lanes (d mod 8), lanes added by halves: the order is part of the contract,
 * since it decides the last bits of a head's state, and it is the one that vector units of eight doubles add in.
 */
export function dotRow(matrix: Floats, row: number, vector: Floats): number {
  const length = vector.length;
  const whole = length - (length % 8);
  let at = row * length;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let e = 0;
  let f = 0;
  let g = 0;
  let h = 0;
  for (let i = 0; i < whole; i += 8, at += 8) {
    a += matrix[at]! * vector[i]!;
    b += matrix[at + 1]! * vector[i + 1]!;
    c += matrix[at + 2]! * vector[i + 2]!;
    d += matrix[at + 3]! * vector[i + 3]!;
    e += matrix[at + 4]! * vector[i + 4]!;
    f += matrix[at + 5]! * vector[i + 5]!;
    g += matrix[at + 6]! * vector[i + 6]!;
    h += matrix[at + 7]! * vector[i + 7]!;
  }
  let rest = 0;
  for (let i = whole; i < length; i++, at++) rest += matrix[at]! * vector[i]!;
  return a + e + (c + g) + (b + f + (d + h)) + rest;
}
