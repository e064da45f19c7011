import type { Constants } from '../../native/index.js';

const alignment = 64;

type Values = Float32Array | Int32Array | Uint16Array;

/** Collects what the kernels only read, 64-byte aligned. Tables that are equal are stored once. */
export class ConstantPool {
  readonly #chunks: { readonly offset: number; readonly bytes: Uint8Array }[] = [];
  /** By hash. */
  readonly #tables = new Map<number, { readonly bytes: Uint8Array; readonly stored: Constants }[]>();
  #length = 0;

  /** For weights, which are never equal. The values are copied by `finish`. */
  add(values: Values): Constants {
    const bytes = bytesOf(values);
    const offset = this.#length;
    this.#chunks.push({ offset, bytes });
    this.#length += Math.ceil(bytes.length / alignment) * alignment;
    return { offset, bytes: bytes.length };
  }

  /** For tables: an equal one may be there already. */
  share(values: Values): Constants {
    const bytes = bytesOf(values);
    const key = hash(bytes);
    const alike = this.#tables.get(key) ?? [];
    const equal = alike.find((table) => sameBytes(table.bytes, bytes));
    if (equal !== undefined) return equal.stored;
    const stored = this.add(values);
    this.#tables.set(key, [...alike, { bytes, stored }]);
    return stored;
  }

  finish(): Uint8Array {
    const all = new Uint8Array(this.#length);
    for (const { offset, bytes } of this.#chunks) all.set(bytes, offset);
    return all;
  }
}

function bytesOf(values: Values): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((value, at) => value === right[at]);
}

/** FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/). */
function hash(bytes: Uint8Array): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < bytes.length; at++) value = Math.imul(value ^ bytes[at]!, 0x01000193);
  return value;
}
