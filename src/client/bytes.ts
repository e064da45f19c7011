/** BYTES elements as raw contents: each preceded by its length, 4 bytes little-endian. */
export function encodeBytes(elements: readonly Uint8Array[]): Buffer {
  const parts = elements.flatMap((element) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(element.length);
    return [length, element];
  });
  return Buffer.concat(parts);
}

/** @throws RangeError when the lengths do not add up. */
export function decodeBytes(raw: Buffer): Buffer[] {
  const elements: Buffer[] = [];
  for (let at = 0; at < raw.length; ) {
    const start = at + 4;
    const end = start <= raw.length ? start + raw.readUInt32LE(at) : Number.POSITIVE_INFINITY;
    if (end > raw.length) throw new RangeError('a BYTES tensor ends in the middle of an element');
    elements.push(raw.subarray(start, end));
    at = end;
  }
  return elements;
}
