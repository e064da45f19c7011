import type { Floats } from '../head/softmax.js';

/**
 * Sum over d < length of values[at + d] * vector[d], in the order that src/native/arithmetic.ts calls "in eight lanes": the one in which
 * vector units of eight doubles add.
 */
export function sumInEightLanes(values: Floats, at: number, vector: Floats, length: number): number {
  const whole = length - (length % 8);
  let l0 = 0;
  let l1 = 0;
  let l2 = 0;
  let l3 = 0;
  let l4 = 0;
  let l5 = 0;
  let l6 = 0;
  let l7 = 0;
  for (let d = 0; d < whole; d += 8, at += 8) {
    l0 += values[at]! * vector[d]!;
    l1 += values[at + 1]! * vector[d + 1]!;
    l2 += values[at + 2]! * vector[d + 2]!;
    l3 += values[at + 3]! * vector[d + 3]!;
    l4 += values[at + 4]! * vector[d + 4]!;
    l5 += values[at + 5]! * vector[d + 5]!;
    l6 += values[at + 6]! * vector[d + 6]!;
    l7 += values[at + 7]! * vector[d + 7]!;
  }
  let rest = 0;
  for (let d = whole; d < length; d++, at++) rest += values[at]! * vector[d]!;
  return l0 + l4 + (l2 + l6) + (l1 + l5 + (l3 + l7)) + rest;
}
