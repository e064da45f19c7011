// Changes of bytes that know nothing of their meaning.
import type { Random } from '../random.js';

const INTERESTING = [
  0,
  1,
  2,
  7,
  8,
  16,
  32,
  63,
  64,
  100,
  127,
  128,
  255,
  256,
  1000,
  1024,
  4096,
  32767,
  32768,
  65535,
  65536,
  2 ** 24,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
];

/** The largest input that mutations let grow. */
const MOST = 1 << 20;

/** One to a dozen changes; `others` give pieces to splice in. */
export function mutateBytes(random: Random, input: Uint8Array, others: readonly Uint8Array[] = [input]): Uint8Array {
  let bytes = Uint8Array.from(input);
  for (let turn = 1 + random.size(12); turn > 0; turn--) bytes = change(random, bytes, others);
  return bytes;
}

/** A number that arithmetic goes wrong with, or any. */
export function interestingNumber(random: Random): number {
  if (random.chance(0.2)) return random.int(2 ** 32);
  const value = random.pick(INTERESTING) + random.pick([-1, 0, 0, 0, 1]);
  return value < 0 ? 2 ** 32 - 1 : value % 2 ** 32;
}

function change(
  random: Random,
  bytes: Uint8Array<ArrayBuffer>,
  others: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  if (bytes.length === 0) return Uint8Array.from(random.bytes(random.size(64)));
  const at = random.int(bytes.length);
  switch (random.int(9)) {
    case 0:
      bytes[at] = bytes[at]! ^ (1 << random.int(8));
      return bytes;
    case 1:
      bytes[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.int(256)]);
      return bytes;
    case 2:
      return overwriteNumber(random, bytes, at);
    case 3:
      return bytes.slice(0, at);
    case 4:
      return join(bytes.subarray(0, at), bytes.subarray(at + 1 + random.size(bytes.length - at)));
    case 5:
      return join(bytes.subarray(0, at), random.bytes(1 + random.size(64)), bytes.subarray(at));
    case 6: {
      const piece = bytes.subarray(at, at + 1 + random.size(bytes.length - at));
      const times = 1 + random.size(Math.min(1000, MOST / piece.length));
      if (bytes.length + piece.length * times > MOST) return bytes;
      return join(bytes.subarray(0, at), ...Array.from({ length: times }, () => piece), bytes.subarray(at));
    }
    case 7: {
      const other = random.pick(others);
      const from = random.int(other.length + 1);
      return join(bytes.subarray(0, at), other.subarray(from, from + random.size(other.length)));
    }
    default: {
      // Two places change theirs.
      const to = random.int(bytes.length);
      const length = Math.min(random.size(64), bytes.length - Math.max(at, to));
      const kept = bytes.slice(at, at + length);
      bytes.copyWithin(at, to, to + length);
      bytes.set(kept, to);
      return bytes;
    }
  }
}

/** Lengths, offsets and counts are numbers of 2, 4 or 8 bytes. */
function overwriteNumber(random: Random, bytes: Uint8Array<ArrayBuffer>, at: number): Uint8Array<ArrayBuffer> {
  const width = random.pick([2, 4, 8].filter((size) => at + size <= bytes.length).concat(0));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const little = random.chance(0.5);
  const value = interestingNumber(random);
  if (width === 2) view.setUint16(at, value % 65536, little);
  if (width === 4) view.setUint32(at, value, little);
  if (width === 8)
    view.setBigUint64(at, (BigInt(value) << BigInt(random.pick([0, 0, 21, 32]))) & (2n ** 64n - 1n), little);
  return bytes;
}

function join(...pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
