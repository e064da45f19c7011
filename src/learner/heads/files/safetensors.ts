import { littleEndianHost, swapBytes } from '../../fold/little-endian.js';
import { checkClassName } from '../../names.js';
import { type CandidateName, candidateNames, LearnerError } from '../../types.js';

// A head as a file that others can read (https://huggingface.co/docs/safetensors): 8 bytes with the header's length N (little-endian), N bytes
// of JSON (padded with spaces), then the tensors. `weights` is F32 [classes, dimensions] and `bias` F32 [classes]: logits = weights · embedding + bias,
// probabilities = softmax(logits); calibration is in them already. `__metadata__` says, as strings, what they belong to: `format`, `format_version`, `head`,
// `version`, `samples`, `classes` (JSON list, in row order), `backbone`, `backbone_identity`, `dimensions`, `embedding` (JSON: how an image becomes one; may be
// missing), `champion`, `created` (ISO 8601).

const FORMAT = 'headwater.head';
const FORMAT_VERSION = '1';
const LENGTH_BYTES = 8;
/** More than any head's class names need; the reference implementation's limit is of this size, too. */
const MAX_HEADER_BYTES = 64 << 20;
const MAX_VALUES = 2 ** 31;

/** A head's weights with what is needed to use them elsewhere. */
export interface HeadFile {
  readonly head: string;
  readonly version: number;
  readonly samples: number;
  readonly classes: readonly string[];
  readonly backbone: string;
  readonly backboneIdentity: string;
  readonly dimensions: number;
  /** How an image becomes an embedding (the backbone's image settings) as JSON; undefined: not told. */
  readonly embedding: string | undefined;
  readonly champion: CandidateName;
  readonly createdAtMs: number;
  /** [classes, dimensions], row-major */
  readonly weights: Float32Array;
  /** [classes] */
  readonly bias: Float32Array;
}

interface TensorEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** @throws LearnerError invalid_argument when the parts do not fit together. */
export function encodeHeadFile(file: HeadFile): Uint8Array<ArrayBuffer> {
  const { classes, dimensions, weights, bias } = file;
  if (weights.length !== classes.length * dimensions || bias.length !== classes.length) {
    throw refuse(
      `${weights.length} weights and ${bias.length} biases are not ${classes.length} classes of ${dimensions} values`,
    );
  }
  const header = JSON.stringify({
    __metadata__: metadataOf(file),
    weights: { dtype: 'F32', shape: [classes.length, dimensions], data_offsets: [0, weights.byteLength] },
    bias: {
      dtype: 'F32',
      shape: [classes.length],
      data_offsets: [weights.byteLength, weights.byteLength + bias.byteLength],
    },
  });
  const headerBytes = Math.ceil(Buffer.byteLength(header) / 8) * 8;
  const bytes = new Uint8Array(LENGTH_BYTES + headerBytes + weights.byteLength + bias.byteLength);
  const buffer = Buffer.from(bytes.buffer);
  buffer.writeBigUInt64LE(BigInt(headerBytes), 0);
  buffer.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  buffer.write(header, LENGTH_BYTES);
  let at = LENGTH_BYTES + headerBytes;
  for (const values of [weights, bias]) {
    const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    bytes.set(littleEndianHost ? raw : swapBytes(raw, 4), at);
    at += values.byteLength;
  }
  return bytes;
}

/**
 * Reads a head's file. Nothing in it is believed: every length is checked against the bytes there are, before anything is allocated.
 * @throws LearnerError invalid_argument, saying what is wrong with it.
 */
export function decodeHeadFile(bytes: Uint8Array): HeadFile {
  const { header, data } = split(bytes);
  const tensors = readTensors(header, data.length);
  const metadata = readMetadata(header.__metadata__);
  const { classes, dimensions } = metadata;
  checkShape('weights', tensors.weights, [classes.length, dimensions]);
  checkShape('bias', tensors.bias, [classes.length]);
  return {
    ...metadata,
    weights: readFloats('weights', data, tensors.weights),
    bias: readFloats('bias', data, tensors.bias),
  };
}

function metadataOf(file: HeadFile): Record<string, string> {
  return {
    format: FORMAT,
    format_version: FORMAT_VERSION,
    head: file.head,
    version: `${file.version}`,
    samples: `${file.samples}`,
    classes: JSON.stringify(file.classes),
    backbone: file.backbone,
    backbone_identity: file.backboneIdentity,
    dimensions: `${file.dimensions}`,
    ...(file.embedding === undefined ? {} : { embedding: file.embedding }),
    champion: file.champion,
    created: new Date(file.createdAtMs).toISOString(),
  };
}

function split(bytes: Uint8Array): { header: Record<string, unknown>; data: Uint8Array } {
  if (bytes.length < LENGTH_BYTES) throw refuse(`it has ${bytes.length} bytes, fewer than a header's length takes`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigUint64(0, true);
  if (length > BigInt(bytes.length - LENGTH_BYTES)) {
    throw refuse(
      `its header would be ${length} bytes long, and ${bytes.length - LENGTH_BYTES} follow: it is cut short, or no such file`,
    );
  }
  if (length > BigInt(MAX_HEADER_BYTES))
    throw refuse(`its header has ${length} bytes, at most ${MAX_HEADER_BYTES} are read`);
  const end = LENGTH_BYTES + Number(length);
  return { header: parseHeader(bytes.slice(LENGTH_BYTES, end)), data: bytes.subarray(end) };
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw refuse('its header is not JSON in UTF-8');
  }
  if (!isRecord(header)) throw refuse('its header is not a JSON object');
  return header;
}

/** `weights` and `bias`, each with its place: together they are the data, without overlap or gap. */
function readTensors(header: Record<string, unknown>, dataBytes: number): { weights: TensorEntry; bias: TensorEntry } {
  const names = Object.keys(header).filter((name) => name !== '__metadata__');
  const unknown = names.find((name) => name !== 'weights' && name !== 'bias');
  if (unknown !== undefined) throw refuse(`it has a tensor ${quote(unknown)}; a head has 'weights' and 'bias'`);
  const weights = readEntry('weights', header);
  const bias = readEntry('bias', header);
  const [first, second] = weights.begin <= bias.begin ? [weights, bias] : [bias, weights];
  if (first.begin !== 0 || first.end !== second.begin || second.end !== dataBytes) {
    throw refuse(`its tensors' data_offsets do not fill the ${dataBytes} bytes of data one after the other`);
  }
  return { weights, bias };
}

function readEntry(name: string, header: Record<string, unknown>): TensorEntry {
  const entry = Object.hasOwn(header, name) ? header[name] : undefined;
  if (!isRecord(entry)) throw refuse(`it has no tensor '${name}'`);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (dtype !== 'F32') throw refuse(`tensor '${name}' has dtype ${quote(dtype)}, F32 is needed`);
  if (!isCounts(shape) || shape.length > 2)
    throw refuse(`tensor '${name}' has the shape ${quote(shape)}, which is none`);
  if (!isCounts(offsets) || offsets.length !== 2) throw refuse(`tensor '${name}' has no data_offsets of two numbers`);
  const [begin, end] = offsets as readonly [number, number];
  const values = shape.reduce((product, size) => product * size, 1);
  if (values > MAX_VALUES || end - begin !== 4 * values) {
    throw refuse(`tensor '${name}' of shape [${shape.join(', ')}] can't take the bytes ${begin} to ${end}`);
  }
  return { dtype, shape, begin, end };
}

function checkShape(name: string, { shape }: TensorEntry, wanted: readonly number[]): void {
  if (shape.length === wanted.length && shape.every((size, axis) => size === wanted[axis])) return;
  throw refuse(`tensor '${name}' has the shape [${shape.join(', ')}], and the metadata says [${wanted.join(', ')}]`);
}

function readFloats(name: string, data: Uint8Array, { begin, end }: TensorEntry): Float32Array {
  const raw = data.subarray(begin, end);
  // Copied: the bytes may stand at any address, and FP32 needs one divisible by 4.
  const values = new Float32Array((littleEndianHost ? new Uint8Array(raw) : swapBytes(raw, 4)).buffer);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw refuse(`tensor '${name}' holds ${values[bad]} at ${bad}: every value must be finite`);
  return values;
}

function readMetadata(metadata: unknown): Omit<HeadFile, 'weights' | 'bias'> {
  if (!isRecord(metadata)) throw refuse(`it has no __metadata__: it is not a head that Headwater exported`);
  const text = (key: string): string => {
    const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
    if (typeof value === 'string') return value;
    throw refuse(`its metadata has no text '${key}'`);
  };
  if (!Object.hasOwn(metadata, 'format') || text('format') !== FORMAT) {
    throw refuse(`its metadata does not say format '${FORMAT}': it is not a head that Headwater exported`);
  }
  if (text('format_version') !== FORMAT_VERSION) {
    throw refuse(
      `its format version is ${quote(text('format_version'))}, and this version of Headwater reads ${FORMAT_VERSION}`,
    );
  }
  const champion = candidateNames.find((name) => name === text('champion'));
  if (champion === undefined) throw refuse(`its metadata names a champion unknown here: ${quote(text('champion'))}`);
  const createdAtMs = Date.parse(text('created'));
  if (Number.isNaN(createdAtMs)) throw refuse(`its metadata has no time 'created' but ${quote(text('created'))}`);
  return {
    head: text('head'),
    version: toCount('version', text('version')),
    samples: toCount('samples', text('samples')),
    classes: readClasses(text('classes')),
    backbone: text('backbone'),
    backboneIdentity: text('backbone_identity'),
    dimensions: readDimensions(text('dimensions')),
    embedding: Object.hasOwn(metadata, 'embedding') ? checkEmbedding(text('embedding')) : undefined,
    champion,
    createdAtMs,
  };
}

function checkEmbedding(json: string): string {
  try {
    if (isRecord(JSON.parse(json))) return json;
  } catch {
    // Told below.
  }
  throw refuse("its metadata's 'embedding' is not a JSON object");
}

function readClasses(json: string): string[] {
  let classes: unknown;
  try {
    classes = JSON.parse(json);
  } catch {
    // Told below.
  }
  if (!Array.isArray(classes)) throw refuse("its metadata's 'classes' is not a JSON list");
  const names = classes.map((name: unknown, index) => {
    const checked = typeof name === 'string' ? checkClassName(name) : undefined;
    if (checked?.ok && checked.value === name) return name;
    throw refuse(
      `class ${index} is no name: ${checked?.ok === false ? checked.problem : 'text in Unicode NFC is needed'}`,
    );
  });
  const seen = new Set<string>();
  const twice = names.find((name) => seen.size === seen.add(name).size);
  if (twice !== undefined) throw refuse(`the class ${quote(twice)} is there twice`);
  return names;
}

function readDimensions(text: string): number {
  const dimensions = toCount('dimensions', text);
  if (dimensions > 0) return dimensions;
  throw refuse("its metadata's 'dimensions' is 0");
}

function toCount(key: string, text: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw refuse(`its metadata's '${key}' is no whole number but ${quote(text)}`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((entry) => Number.isSafeInteger(entry) && entry >= 0);
}

/** Text of strangers, short and without control characters. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}

function refuse(problem: string): LearnerError {
  return new LearnerError('invalid_argument', `the file of the head can't be used: ${problem}`);
}
