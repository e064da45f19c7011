import type { Images } from '../backbone.js';

/**
 * Names the first image whose `input` holds NaN or infinity; undefined when there is none. A kernel that skips zero weights may skip such
 * a value, too, and answer with a number, where every other engine's answer is NaN.
 */
export function findNotFiniteInput(images: readonly Images[]): string | undefined {
  let first = 0;
  for (const { kind, count, data } of images) {
    if (kind === 'input' && !allFinite(data)) {
      const at = data.findIndex((value) => !Number.isFinite(value));
      const length = data.length / count;
      return `image ${first + Math.floor(at / length)} of the input holds ${data[at]} at ${at % length}; send finite values`;
    }
    first += count;
  }
  return undefined;
}

/** 0 x value is 0, or NaN for what is not finite. Four sums, since one would wait for itself. */
function allFinite(values: Float32Array): boolean {
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = values.length - (values.length % 4);
  for (let i = 0; i < whole; i += 4) {
    a += 0 * values[i]!;
    b += 0 * values[i + 1]!;
    c += 0 * values[i + 2]!;
    d += 0 * values[i + 3]!;
  }
  for (let i = whole; i < values.length; i++) a += 0 * values[i]!;
  return a + b + c + d === 0;
}
