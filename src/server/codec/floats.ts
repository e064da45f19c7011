// Floats of other widths as FP32. Pure.

export type FloatDatatype = 'FP32' | 'FP16' | 'BF16' | 'FP64';

/**
 * Raw little-endian elements as FP32, in memory of their own (raw bytes are a view into the message and rarely aligned, and
 * the backbone may transfer what it gets). FP16 and BF16 are exact, FP64 is rounded; what is too large becomes infinity.
 */
export function floatsFromRaw(raw: Uint8Array, datatype: FloatDatatype, count: number): Float32Array<ArrayBuffer> {
  switch (datatype) {
    case 'FP32':
      return new Float32Array(copied(raw));
    case 'FP64':
      return Float32Array.from(new Float64Array(copied(raw)));
    case 'BF16':
      // The upper half of an FP32.
      return fromBits(new Uint16Array(copied(raw)), count, (bits) => bits << 16);
    case 'FP16':
      return fromBits(new Uint16Array(copied(raw)), count, singleFromHalf);
  }
}

/** Whether there is no NaN and no infinity. */
export function allFinite(values: Float32Array): boolean {
  // Infinity - Infinity and NaN - NaN are NaN, and stay it in a sum. Four sums, since each addition waits for the one before it.
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = values.length - (values.length % 4);
  for (let index = 0; index < whole; index += 4) {
    a += values[index]! - values[index]!;
    b += values[index + 1]! - values[index + 1]!;
    c += values[index + 2]! - values[index + 2]!;
    d += values[index + 3]! - values[index + 3]!;
  }
  for (let index = whole; index < values.length; index++) a += values[index]! - values[index]!;
  return a + b + c + d === 0;
}

function copied({ buffer, byteOffset, byteLength }: Uint8Array): ArrayBuffer {
  // A message that came over a connection never lies in shared memory. No memory is zeroed first by this.
  return (buffer as ArrayBuffer).slice(byteOffset, byteOffset + byteLength);
}

function fromBits(halves: Uint16Array, count: number, toSingle: (bits: number) => number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(count);
  const bits = new Uint32Array(values.buffer);
  for (let index = 0; index < count; index++) bits[index] = toSingle(halves[index]!);
  return values;
}

/** The bits of an IEEE 754 binary16 as those of the same number in binary32. */
function singleFromHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  // The exponent's bias is 15 there and 127 here.
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // A subnormal: fraction * 2^-24 is normal here.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}
