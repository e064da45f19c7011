// See exp.ts for why this is not Math.log.

const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
// biome-ignore lint/suspicious/noApproximativeNumericConstant: ECMAScript calls its constants approximate; these bits are ours.
const SQRT_2 = 1.4142135623730951;
const view = new DataView(new ArrayBuffer(8));

/**
 * Natural logarithm to within one unit in the last place, the same bits on every machine.
 * x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt 2); with s = f / (2 + f), log(1 + f) = 2 artanh(s) = 2s + s R, where R is the
 * series 2s^2/3 + 2s^4/5 + ... to s^24. 2s is written as f - f^2/2 + s f^2/2, so that the largest term, f, is exact.
 */
export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? -Infinity : NaN;
  if (x === Infinity) return x;
  let k = 0;
  if (x < 2.2250738585072014e-308) {
    x *= 18014398509481984; // 2^54 makes a subnormal number normal
    k = -54;
  }
  view.setFloat64(0, x);
  const high = view.getUint32(0);
  k += (high >>> 20) - 1023;
  view.setUint32(0, (high & 0x000fffff) | 0x3ff00000);
  let m = view.getFloat64(0);
  if (m > SQRT_2) {
    m /= 2;
    k += 1;
  }
  const f = m - 1;
  const s = f / (2 + f);
  const z = s * s;
  let series = 2 / 25;
  for (let n = 23; n >= 3; n -= 2) series = series * z + 2 / n;
  const halfSquare = 0.5 * f * f;
  return k * LN2_HIGH - (halfSquare - (s * (halfSquare + series * z) + k * LN2_LOW) - f);
}
