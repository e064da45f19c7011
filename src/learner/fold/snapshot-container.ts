import { createHash } from 'node:crypto';
import { LearnerError } from '../types.js';
import { littleEndianHost, swapBytes } from './little-endian.js';

// The file format of snapshots. In order: 8 bytes magic, format version and length of the header (uint32 each), the header as JSON
// in UTF-8, then the arrays one after the other, each starting at a multiple of 8, and at the end the SHA-256 of all before.
// Numbers are little-endian. Nothing in it depends on time or place: equal content gives equal bytes.

const MAGIC = Buffer.from('HEADWATR', 'latin1');
const FORMAT_VERSION = 2;
const PREFIX = 16;
const DIGEST = 32;
/** Characters: damaged metadata can be wrong in thousands of places. */
const MAX_PROBLEM = 1000;
const widths = { f32: 4, f64: 8, i32: 4 } as const;

type ArrayType = keyof typeof widths;
export type SnapshotArray = Float32Array | Float64Array | Int32Array;

/** What a snapshot is of: a model to serve, or a learner's state. */
export type SnapshotKind = 'model' | 'state';

export interface SnapshotContent {
  /** Anything that JSON keeps exactly; checked by whoever knows what belongs in it. */
  readonly metadata: unknown;
  readonly arrays: Readonly<Record<string, SnapshotArray>>;
}

interface Header {
  readonly kind: SnapshotKind;
  readonly metadata: unknown;
  readonly arrays: readonly { readonly name: string; readonly type: ArrayType; readonly length: number }[];
}

export function encodeSnapshot(kind: SnapshotKind, content: SnapshotContent): Uint8Array<ArrayBuffer> {
  const named = Object.entries(content.arrays);
  const arrays = named.map(([name, array]) => ({ name, type: typeOf(array), length: array.length }));
  const header = Buffer.from(JSON.stringify({ kind, metadata: content.metadata, arrays } satisfies Header));
  const start = aligned(PREFIX + header.length);
  const bytes = new Uint8Array(named.reduce((at, [, array]) => at + aligned(array.byteLength), start) + DIGEST);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(8, FORMAT_VERSION, true);
  view.setUint32(12, header.length, true);
  bytes.set(header, PREFIX);
  let at = start;
  for (const [, array] of named) {
    const raw = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    bytes.set(littleEndianHost ? raw : swapBytes(raw, array.BYTES_PER_ELEMENT), at);
    at += aligned(array.byteLength);
  }
  bytes.set(digest(bytes.subarray(0, at)), at);
  return bytes;
}

/**
 * Reads a snapshot; the arrays are copies. Every length is checked against the bytes there are before anything is allocated.
 * @param known true: the bytes are known to be whole (by the digest of their name), and nobody will change them. Then the checksum is left out, and
 * arrays are views on the bytes where their place allows it: reading a large model takes no time.
 * @throws LearnerError snapshot_corrupt when the bytes are damaged, cut, of another kind or of another format version.
 */
export function decodeSnapshot(kind: SnapshotKind, bytes: Uint8Array, known = false): SnapshotContent {
  const end = bytes.length - DIGEST;
  if (end < PREFIX || !MAGIC.equals(bytes.subarray(0, 8))) throw corrupt('it is cut short, or no snapshot at all');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const version = view.getUint32(8, true);
  if (version !== FORMAT_VERSION) {
    throw corrupt(`its format version is ${version}, and this version of Headwater reads ${FORMAT_VERSION} only`);
  }
  if (!known && !digest(bytes.subarray(0, end)).equals(bytes.subarray(end)))
    throw corrupt('its checksum is wrong: bytes are missing or changed');
  const headerEnd = PREFIX + view.getUint32(12, true);
  if (headerEnd > end) throw corrupt('its header is longer than itself');
  const header = parseHeader(bytes.subarray(PREFIX, headerEnd));
  if (header.kind !== kind) throw corrupt(`it is a ${header.kind}, and a ${kind} is needed`);
  return {
    metadata: header.metadata,
    arrays: readArrays(header, bytes, aligned(headerEnd), end, !known || !littleEndianHost),
  };
}

/** The error for snapshots whose bytes are whole, but make no sense. */
export function corrupt(problem: string): LearnerError {
  const short = problem.length > MAX_PROBLEM ? `${problem.slice(0, MAX_PROBLEM - 1)}…` : problem;
  return new LearnerError('snapshot_corrupt', `a snapshot can't be used: ${short}`);
}

function readArrays(
  header: Header,
  bytes: Uint8Array,
  start: number,
  end: number,
  copy: boolean,
): Record<string, SnapshotArray> {
  const sizes = header.arrays.map(({ type, length }) => aligned(length * widths[type]));
  if (sizes.reduce((at, size) => at + size, start) !== end)
    throw corrupt('its arrays are not as long as its header says');
  const arrays: Record<string, SnapshotArray> = {};
  let at = start;
  header.arrays.forEach(({ name, type, length }, index) => {
    const raw = bytes.subarray(at, at + length * widths[type]);
    arrays[name] = arrayOf(type, copy || raw.byteOffset % widths[type] !== 0 ? aside(raw, type) : raw, length);
    at += sizes[index]!;
  });
  return arrays;
}

/** In a buffer of its own, which is aligned whatever the bytes' place in theirs, and in this machine's byte order. */
function aside(raw: Uint8Array, type: ArrayType): Uint8Array {
  return littleEndianHost ? new Uint8Array(raw) : swapBytes(raw, widths[type]);
}

function arrayOf(type: ArrayType, { buffer, byteOffset }: Uint8Array, length: number): SnapshotArray {
  if (type === 'f32') return new Float32Array(buffer, byteOffset, length);
  return type === 'f64' ? new Float64Array(buffer, byteOffset, length) : new Int32Array(buffer, byteOffset, length);
}

function parseHeader(bytes: Uint8Array): Header {
  const isEntry = (entry: unknown) => {
    const { name, type, length } = (entry ?? {}) as Record<string, unknown>;
    return (
      typeof name === 'string' &&
      Object.hasOwn(widths, String(type)) &&
      Number.isSafeInteger(length) &&
      Number(length) >= 0
    );
  };
  try {
    const header = JSON.parse(Buffer.from(bytes).toString('utf8')) as Header;
    const isHeader = typeof header.kind === 'string' && Array.isArray(header.arrays) && header.arrays.every(isEntry);
    if (isHeader) return header;
  } catch {
    // Told below.
  }
  throw corrupt('its header is not readable');
}

function typeOf(array: SnapshotArray): ArrayType {
  if (array instanceof Float32Array) return 'f32';
  return array instanceof Float64Array ? 'f64' : 'i32';
}

function aligned(length: number): number {
  return Math.ceil(length / 8) * 8;
}

function digest(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
