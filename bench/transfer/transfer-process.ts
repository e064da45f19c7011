// A process of its own for one backbone and one head that learns from what it embeds. Driven by messages of bench-transfer.ts.
import { readFileSync } from 'node:fs';
import type { Backbone, ImageSettings } from '../../src/engine/index.js';
import { loadBackbone } from '../../src/engine/index.js';
import { defaultLearnerOptions, encodeSample, FoldPool } from '../../src/learner/index.js';
import { createPhotoDecoder } from '../networks/inputs.js';
import type { TransferData } from './stream.js';

const HEAD = 'bench';

export interface TransferSetting {
  readonly engine: 'sparse' | 'onnxruntime';
  readonly model: string;
  readonly threads: number;
  readonly image: ImageSettings;
  readonly batch: number;
  /** A JSON file that holds TransferData. */
  readonly data: string;
}

export type TransferMessage =
  | { readonly open: TransferSetting }
  /** The whole stream once, from photos or from pixels that were decoded before. */
  | { readonly run: 'pixels' | 'jpeg' }
  /** The head alone, on embeddings made before. */
  | { readonly run: 'learning' };

/** A batch of the stream. */
interface Batch {
  /** Position of its first image. */
  readonly first: number;
  readonly count: number;
  /** RGB [count, size, size, 3]. */
  readonly pixels: Uint8Array<ArrayBuffer>;
}

interface Bench {
  readonly setting: TransferSetting;
  readonly backbone: Backbone;
  readonly head: FoldPool;
  readonly files: readonly Uint8Array[];
  readonly labels: readonly string[];
  readonly pixels: Uint8Array<ArrayBuffer>;
  /** Of the whole stream, from the run before. */
  embeddings: Float32Array;
  /** Of the last sample in the head's log. */
  sequence: number;
}

const decode = createPhotoDecoder();
let bench: Bench;

async function open(setting: TransferSetting): Promise<object> {
  const { engine, model, threads, image } = setting;
  const options = { name: 'bench', model, engine, threads, image, isa: 'auto' } as const;
  const lines: string[] = [];
  const backbone = await loadBackbone(options, (line) => lines.push(line));
  // The service goes on with ONNX Runtime where the sparse engine can't run; a benchmark must not take one for the other.
  if (backbone.info.engine !== engine) throw new Error(`${engine} did not load: ${lines.join('; ')}`);
  const data = JSON.parse(readFileSync(setting.data, 'utf8')) as TransferData;
  const files = data.files.map((text) => Uint8Array.from(Buffer.from(text, 'base64')));
  const decoded = await decode(files, image);
  // One byte more than the images: what is then a view on a part stays ours (see Images).
  const room = new Uint8Array(decoded.length + 1);
  room.set(decoded);
  const head = new FoldPool();
  const { classes } = data;
  await head.open(
    {
      name: HEAD,
      generation: 1,
      backbone: 'bench',
      backboneIdentity: backbone.identity,
      dimensions: backbone.dimensions,
      classes,
      maxClasses: classes.length,
      learner: defaultLearnerOptions,
      createdAtMs: 0,
    },
    null,
  );
  const embeddings = new Float32Array(files.length * backbone.dimensions);
  const pixels = room.subarray(0, decoded.length);
  bench = { setting, backbone, head, files, labels: data.labels, pixels, embeddings, sequence: 0 };
  return { info: backbone.info, dimensions: backbone.dimensions, classes: classes.length };
}

/**
 * As the service does it: while a batch is in the backbone, the head learns the one before in its own thread, and libuv's threads decode
 * the one after. It ends when the last sample is learned.
 */
async function runStream(from: 'pixels' | 'jpeg'): Promise<{ milliseconds: number; learned: number }> {
  const { backbone, files, setting } = bench;
  const batches = Math.ceil(files.length / setting.batch);
  const start = performance.now();
  let next = batchOf(0, from);
  let learning: Promise<number> = Promise.resolve(0);
  let learned = 0;
  for (let index = 0; index < batches; index++) {
    const { pixels, first, count } = await next;
    if (index + 1 < batches) next = batchOf(index + 1, from);
    const { embeddings } = await backbone.embed([{ kind: 'pixels', count, data: pixels }]);
    bench.embeddings.set(embeddings, first * backbone.dimensions);
    learned += await learning;
    learning = learn(embeddings, first);
  }
  learned += await learning;
  return { milliseconds: performance.now() - start, learned };
}

async function batchOf(index: number, from: 'pixels' | 'jpeg'): Promise<Batch> {
  const { setting, files, pixels } = bench;
  const { size } = setting.image;
  const first = index * setting.batch;
  const count = Math.min(setting.batch, files.length - first);
  if (from === 'jpeg') return { first, count, pixels: await decode(files.slice(first, first + count), setting.image) };
  return { first, count, pixels: pixels.subarray(first * 3 * size * size, (first + count) * 3 * size * size) };
}

/** Appends the samples to the head's log and folds them. @returns how many were learned */
async function learn(embeddings: Float32Array, first: number): Promise<number> {
  const { backbone, head, labels } = bench;
  const { dimensions, identity } = backbone;
  const entries = Array.from({ length: embeddings.length / dimensions }, (_, index) => {
    const sequence = ++bench.sequence;
    const bytes = encodeSample({
      id: String(sequence),
      label: labels[first + index]!,
      embedding: embeddings.subarray(index * dimensions, (index + 1) * dimensions),
      backboneIdentity: identity,
      origin: { streamCreated: 'bench', sequence },
      form: 'image',
      labelledAtMs: 0,
    });
    return { bytes, sequence };
  });
  return (await head.fold(HEAD, entries)).folded;
}

async function runLearning(): Promise<{ milliseconds: number; learned: number }> {
  const { embeddings, setting, backbone } = bench;
  const length = setting.batch * backbone.dimensions;
  const start = performance.now();
  let learned = 0;
  for (let from = 0; from < embeddings.length; from += length) {
    learned += await learn(embeddings.subarray(from, from + length), from / backbone.dimensions);
  }
  return { milliseconds: performance.now() - start, learned };
}

process.on('message', (message: TransferMessage) => {
  const work =
    'open' in message ? open(message.open) : message.run === 'learning' ? runLearning() : runStream(message.run);
  work.then(
    (result) => process.send?.(result),
    (error: Error) => process.send?.({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit(0));
