import { encodeBytes } from './bytes.js';

/** What is to be classified: one of these. Several images go through the backbone together and get one answer each. */
export type PredictInput =
  /** An encoded image: JPEG, PNG or WebP. */
  | { readonly image: Uint8Array }
  | { readonly images: readonly Uint8Array[] }
  /** RGB bytes of the backbone's own size, `[H, W, 3]` or `[N, H, W, 3]`; the server normalises them. */
  | { readonly pixels: Uint8Array; readonly shape: readonly number[] }
  /** Normalised already, `[3, H, W]` or `[N, 3, H, W]`. */
  | { readonly input: Float32Array; readonly shape: readonly number[] }
  /** What the backbone gave for an image before: it is skipped. */
  | { readonly embedding: ArrayLike<number> }
  | { readonly embeddings: readonly ArrayLike<number>[] };

/** A tensor of the protocol with raw contents. */
export interface InputTensor {
  readonly name: 'image' | 'pixels' | 'input' | 'embedding';
  readonly datatype: 'BYTES' | 'UINT8' | 'FP32';
  readonly shape: number[];
  readonly raw: Buffer;
}

/** @throws TypeError when a shape does not fit its data, or there is nothing to send. */
export function inputTensor(input: PredictInput): InputTensor {
  if ('image' in input) return images([input.image]);
  if ('images' in input) return images(input.images);
  if ('pixels' in input) {
    const { pixels } = input;
    const shape = withBatch('pixels', input.shape, pixels.length);
    return { name: 'pixels', datatype: 'UINT8', shape, raw: asBuffer(pixels) };
  }
  if ('input' in input) {
    const shape = withBatch('input', input.shape, input.input.length);
    return { name: 'input', datatype: 'FP32', shape, raw: asBuffer(input.input) };
  }
  return embeddings('embedding' in input ? [input.embedding] : input.embeddings);
}

function images(encoded: readonly Uint8Array[]): InputTensor {
  if (encoded.length === 0) throw new TypeError('images: expected at least one');
  return { name: 'image', datatype: 'BYTES', shape: [encoded.length], raw: encodeBytes(encoded) };
}

function embeddings(rows: readonly ArrayLike<number>[]): InputTensor {
  const dimensions = rows[0]?.length ?? 0;
  if (dimensions === 0) throw new TypeError('embeddings: expected at least one number');
  const values = new Float32Array(rows.length * dimensions);
  for (const [index, row] of rows.entries()) {
    if (row.length !== dimensions) {
      throw new TypeError(`embeddings[${index}]: expected ${dimensions} numbers like the first, got ${row.length}`);
    }
    values.set(row, index * dimensions);
  }
  return { name: 'embedding', datatype: 'FP32', shape: [rows.length, dimensions], raw: asBuffer(values) };
}

/** A shape with the batch in front. */
function withBatch(name: string, shape: readonly number[], length: number): number[] {
  const whole = shape.length === 3 ? [1, ...shape] : [...shape];
  const size = whole.reduce((product, side) => product * side, 1);
  if (whole.length !== 4 || size !== length) {
    throw new TypeError(`${name}: shape [${shape.join(', ')}] does not fit ${length} values`);
  }
  return whole;
}

/** The same memory; typed arrays are little-endian wherever Node runs. */
function asBuffer(values: Uint8Array | Float32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}
