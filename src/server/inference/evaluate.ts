// What heads say to embeddings: one evaluation, image by image, and how large one may be.
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

/** What a head answers as long as it has learned nothing. */
export function untaught(count: number): HeadAnswers {
  return { labels: Array<string>(count).fill(''), classes: [], probabilities: new Float32Array() };
}

/** The images of one request, classified one after the other by whoever calls `step`. */
export class Evaluation {
  private readonly labels: string[] = [];
  private readonly probabilities: Float32Array;

  /** @param embeddings [count, D] */
  constructor(
    private readonly model: HeadModel,
    private readonly embeddings: Float32Array,
    private readonly count: number,
    private readonly classify: Classify,
  ) {
    this.probabilities = new Float32Array(count * model.classes.length);
  }

  /** Classifies one more image. @returns the answers, once that was the last one */
  step(): HeadAnswers | undefined {
    const { classify, count, embeddings, labels, model, probabilities } = this;
    const { classes, dimensions } = model;
    const index = labels.length;
    const row = probabilities.subarray(index * classes.length, (index + 1) * classes.length);
    row.set(classify(model, embeddings.subarray(index * dimensions, (index + 1) * dimensions)));
    labels.push(classes[argmax(row)] ?? '');
    return labels.length < count ? undefined : { labels, classes, probabilities };
  }
}
