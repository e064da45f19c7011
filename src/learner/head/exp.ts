// Math.exp differs between engines and versions, and a head's state must follow from its log alone: hence an own one,
// made of nothing but + - * / and Math.floor, which IEEE 754 and ECMAScript fix to the last bit.

// biome-ignore lint/suspicious/noApproximativeNumericConstant: ECMAScript calls its constants approximate; these bits are ours.
const LOG2_E = 1.4426950408889634;
/** ln 2 in two parts (Cody and Waite 1980): the high one ends in 20 zero bits, so k * LN2_HIGH is exact for |k| < 2^20. */
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const OVERFLOW = 709.782712893384;
const UNDERFLOW = -745.1332191019411;

/** 2^k for k = -1022 ... 1023, by exact doubling. */
const powersOfTwo = (() => {
  const powers = new Float64Array(2046);
  powers[1022] = 1;
  for (let k = 1023; k < 2046; k++) powers[k] = powers[k - 1]! * 2;
  for (let k = 1021; k >= 0; k--) powers[k] = powers[k + 1]! / 2;
  return powers;
})();

/** y * 2^k for y in [0.5, 2), rounded once. */
function scale(y: number, k: number): number {
  if (k > 1023) return y * powersOfTwo[1022 + k - 1]! * 2;
  // 2^k itself may be subnormal: go there in one rounding step, from a normal number.
  if (k < -1022) return y * powersOfTwo[1022 + k + 100]! * powersOfTwo[1022 - 100]!;
  return y * powersOfTwo[1022 + k]!;
}

/**
 * e^x to within one unit in the last place, the same bits on every machine.
 * x = k ln 2 + r with |r| <= ln 2 / 2; e^r is its Taylor polynomial of degree 13, whose rest is below 2^-57.
 */
export function exp(x: number): number {
  if (x > OVERFLOW) return Infinity;
  if (x < UNDERFLOW) return 0;
  if (Number.isNaN(x)) return x;
  const k = Math.floor(x * LOG2_E + 0.5);
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  let p = 1 / 6227020800;
  p = p * r + 1 / 479001600;
  p = p * r + 1 / 39916800;
  p = p * r + 1 / 3628800;
  p = p * r + 1 / 362880;
  p = p * r + 1 / 40320;
  p = p * r + 1 / 5040;
  p = p * r + 1 / 720;
  p = p * r + 1 / 120;
  p = p * r + 1 / 24;
  p = p * r + 1 / 6;
  p = p * r + 0.5;
  return scale(1 + (r + r * r * p), k);
}
