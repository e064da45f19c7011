import { setImmediate } from 'node:timers/promises';
import { argmax, type HeadModel, type ServingHead } from '../../learner/index.js';
import { StatusError } from '../errors.js';

/** Softmax of a head's logits for one embedding, in class order: the learner's own arithmetic, handed in. */
export type Classify = (model: HeadModel, embedding: Float32Array) => ArrayLike<number>;

export interface HeadAnswers {
  /** N class names; empty ones when nothing has been learned. */
  readonly labels: readonly string[];
  readonly classes: readonly string[];
  /** [N, classes] */
  readonly probabilities: Float32Array;
}

/** Longest stretch that a large request may keep the event loop, in milliseconds. */
const MAX_STRETCH_MS = 4;

/** Probabilities that one answer may hold, of all its heads: 64 MiB. */
const MAX_PROBABILITIES = 2 ** 24;

/** @throws StatusError request_invalid when images x classes of all heads are more than an answer may hold. */
export function refuseLargeAnswer(heads: readonly ServingHead[], count: number): void {
  const classes = heads.reduce((sum, { model }) => sum + (model?.classes.length ?? 0), 0);
  if (classes * count <= MAX_PROBABILITIES) return;
  const message = `${count} images x ${classes} classes are more than the ${MAX_PROBABILITIES} probabilities`;
  throw new StatusError(
    'request_invalid',
    `${message} that one answer may hold; send fewer images, or ask for fewer heads`,
  );
}

/**
 * Classifies N embeddings, letting the event loop breathe in between.
 * @param embeddings [N, D]
 * @param model null: nothing has been learned.
 */
export async function evaluateHead(
  model: HeadModel | null,
  embeddings: Float32Array,
  count: number,
  classify: Classify,
): Promise<HeadAnswers> {
  if (model === null) {
    return { labels: Array<string>(count).fill(''), classes: [], probabilities: new Float32Array() };
  }
  const { classes, dimensions } = model;
  const labels: string[] = [];
  const probabilities = new Float32Array(count * classes.length);
  let stretchStart = performance.now();
  for (let index = 0; index < count; index++) {
    if (performance.now() - stretchStart > MAX_STRETCH_MS) {
      await setImmediate();
      stretchStart = performance.now();
    }
    probabilities.set(
      classify(model, embeddings.subarray(index * dimensions, (index + 1) * dimensions)),
      index * classes.length,
    );
    const row = probabilities.subarray(index * classes.length, (index + 1) * classes.length);
    labels.push(classes[argmax(row)] ?? '');
  }
  return { labels, classes, probabilities };
}
