// Changes of protobuf messages that keep them messages: fields lost, doubled, of another number or type, with other values. Lengths
// are made anew, so that a change deep inside is reached.
import type { Random } from '../random.js';
import { interestingNumber, mutateBytes } from './bytes.js';

interface Field {
  number: number;
  wireType: number;
  /** What follows the tag; of a length-delimited field what follows its length. */
  content: Uint8Array;
}

/** A message beyond this is not taken apart. */
const LARGEST_PARSED = 1 << 20;
const STRINGS = [
  '',
  'x',
  '\0',
  '../../etc/passwd',
  '<svg onload=alert(1)>',
  '\x1b[2J',
  '\u{fffd}'.repeat(300),
  '-1',
  'NaN',
  '__proto__',
  'toString',
];

/** One to six changes. */
export function mutateMessage(random: Random, input: Uint8Array, others: readonly Uint8Array[] = [input]): Uint8Array {
  let bytes = input;
  for (let turn = 1 + random.size(5); turn > 0; turn--) bytes = changeMessage(random, bytes, others);
  return bytes;
}

function changeMessage(random: Random, bytes: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  const fields = parse(bytes);
  if (fields === undefined || fields.length === 0 || random.chance(0.03)) return mutateBytes(random, bytes, others);
  const at = random.int(fields.length);
  const field = fields[at]!;
  // Most of what can go wrong lies deeper.
  if (field.wireType === 2 && field.content.length > 0 && random.chance(0.75)) {
    fields[at] = { ...field, content: changeMessage(random, field.content, others) };
    return write(fields);
  }
  switch (random.int(8)) {
    case 0:
      fields.splice(at, 1);
      break;
    case 1:
      for (let times = 1 + random.size(40); times > 0; times--) fields.splice(random.int(fields.length + 1), 0, field);
      break;
    case 2:
      fields[at] = { ...field, number: random.pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 536870911]) };
      break;
    case 3:
      fields[at] = { ...field, wireType: random.int(8) };
      break;
    case 4:
    case 5:
      fields[at] = { ...field, content: otherContent(random, field) };
      break;
    case 6: {
      const donor = parse(random.pick(others));
      if (donor !== undefined && donor.length > 0) fields.splice(at, random.int(2), random.pick(donor));
      break;
    }
    default:
      return write(fields, random.int(fields.length), interestingNumber(random));
  }
  return write(fields);
}

function otherContent(random: Random, { wireType, content }: Field): Uint8Array {
  switch (wireType) {
    case 0:
      return random.chance(0.3)
        ? varint(2n ** 64n - 1n - BigInt(random.size(1000)))
        : varint(BigInt(interestingNumber(random)));
    case 2:
      if (random.chance(0.4)) return Buffer.from(random.pick(STRINGS));
      return random.chance(0.3) ? random.bytes(random.size(2000)) : mutateBytes(random, content);
    default:
      return random.chance(0.5) ? floatBytes(random, content.length) : random.bytes(content.length);
  }
}

function floatBytes(random: Random, width: number): Uint8Array {
  const value = random.pick([0, -0, 1, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e38, 5e-324, -1e300]);
  const bytes = Buffer.alloc(Math.max(8, width));
  if (width === 4) bytes.writeFloatLE(Math.fround(value), 0);
  else bytes.writeDoubleLE(value, 0);
  return bytes.subarray(0, width);
}

/** undefined when the bytes are no whole message: a string, or numbers. */
function parse(bytes: Uint8Array): Field[] | undefined {
  if (bytes.length > LARGEST_PARSED) return undefined;
  const fields: Field[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at);
    if (tag === undefined || tag.value >> 3n === 0n || tag.value > 0xffffffffn) return undefined;
    const wireType = Number(tag.value & 7n);
    at = tag.end;
    let end = at;
    if (wireType === 0) end = readVarint(bytes, at)?.end ?? -1;
    else if (wireType === 1) end = at + 8;
    else if (wireType === 5) end = at + 4;
    else if (wireType === 2) {
      const length = readVarint(bytes, at);
      if (length === undefined || length.value > BigInt(bytes.length)) return undefined;
      at = length.end;
      end = at + Number(length.value);
    } else return undefined;
    if (end < 0 || end > bytes.length) return undefined;
    fields.push({ number: Number(tag.value >> 3n), wireType, content: bytes.subarray(at, end) });
    at = end;
  }
  return fields;
}

/** @param liar the field whose length is told as `lie` */
function write(fields: readonly Field[], liar = -1, lie = 0): Uint8Array {
  return Buffer.concat(
    fields.flatMap(({ number, wireType, content }, index) => {
      const tag = varint((BigInt(number) << 3n) | BigInt(wireType));
      if (wireType !== 2) return [tag, content];
      return [tag, varint(BigInt(index === liar ? lie : content.length)), content];
    }),
  );
}

function readVarint(bytes: Uint8Array, at: number): { value: bigint; end: number } | undefined {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = bytes[at++];
    if (byte === undefined) return undefined;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return { value, end: at };
  }
  return undefined;
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}
