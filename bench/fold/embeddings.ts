// Labelled embeddings to learn from: generated ones, or those of real photos that bench:learn left in its cache.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, type EmbeddingsInfo } from '../learn/embedding-cache.js';
import { Random } from '../networks/random.js';

/** Samples in the order in which they come; a stream that is longer than they are begins again. */
export interface LabelledEmbeddings {
  /** Where they come from, in a few words. */
  readonly source: string;
  readonly dimensions: number;
  readonly classes: readonly string[];
  readonly count: number;
  label(index: number): string;
  /** [dimensions], a view. */
  embedding(index: number): Float32Array;
}

/** How far classes lie apart, as a share of the noise: linear heads get about 9 of 10 right after some samples a class. */
const SPREAD = 0.2;

/**
 * Classes around means of their own, seeded: what is below zero is cut off, as after a ReLU. Each next sample is of the next class, so all classes come early.
 * @param count Samples that differ.
 */
export function generatedEmbeddings(dimensions: number, classCount: number, count: number): LabelledEmbeddings {
  const random = new Random(dimensions + classCount);
  const classes = Array.from({ length: classCount }, (_, index) => `class ${index}`);
  const means = Float32Array.from({ length: classCount * dimensions }, () => SPREAD * random.normal());
  const values = new Float32Array(count * dimensions);
  for (let i = 0; i < values.length; i++) {
    const sample = Math.floor(i / dimensions);
    const mean = means[(sample % classCount) * dimensions + (i % dimensions)]!;
    values[i] = Math.max(0, 0.5 + mean + random.normal());
  }
  return of('generated embeddings', dimensions, classes, values, (index) => index % classCount);
}

/** Photos of one set as one backbone sees them, in the shuffled order of bench:learn; undefined where that never ran. */
export function realEmbeddings(set: string, backbone: string): LabelledEmbeddings | undefined {
  const folder = cacheFolder();
  const start = `${set}-${backbone}-`;
  const name = existsSync(folder)
    ? readdirSync(folder).find((file) => file.startsWith(start) && file.endsWith('.f32'))
    : undefined;
  if (name === undefined) return undefined;
  const file = join(folder, name);
  const info = JSON.parse(readFileSync(file.replace(/f32$/, 'json'), 'utf8')) as EmbeddingsInfo;
  const bytes = readFileSync(file);
  const stored = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const { dimensions, order, labels } = info;
  const values = new Float32Array(order.length * dimensions);
  order.forEach((from, to) => {
    values.set(stored.subarray(from * dimensions, (from + 1) * dimensions), to * dimensions);
  });
  return of(`${set} on ${backbone}`, dimensions, info.classes, values, (index) => labels[order[index]!]!);
}

function of(
  source: string,
  dimensions: number,
  classes: readonly string[],
  values: Float32Array,
  classIndex: (index: number) => number,
): LabelledEmbeddings {
  const count = values.length / dimensions;
  return {
    source,
    dimensions,
    classes,
    count,
    label: (index) => classes[classIndex(index % count)]!,
    embedding: (index) => values.subarray((index % count) * dimensions, ((index % count) + 1) * dimensions),
  };
}
