import { argmax } from '../../../src/learner/head/softmax.js';
import type { Learner, LearnerState } from '../../../src/learner/learners/learner.js';
import { type Blobs, blobs } from './blobs.js';

/** A learner without classes, or one that goes on from a state. */
export type MakeLearner = (dimensions: number, state?: LearnerState) => Learner;

/** As the fold does: no result that is due may be missing. */
export async function learn(learner: Learner, embedding: Float32Array, classIndex: number): Promise<void> {
  const due = learner.waitsFor();
  if (due) await due;
  learner.learnOne(embedding, classIndex);
}

/** A copy of the logits. */
export async function predict(learner: Learner, embedding: Float32Array): Promise<Float64Array> {
  const due = learner.waitsFor();
  if (due) await due;
  return learner.predict(embedding).slice();
}

export async function snapshot(learner: Learner): Promise<LearnerState> {
  const running = learner.settled();
  if (running) await running;
  return learner.snapshot();
}

/** Fraction of `count` fresh embeddings, of the classes in turn, that the learner takes for what they are. */
export async function accuracy(
  learner: Learner,
  data: Blobs,
  classes: readonly number[],
  count = 200,
): Promise<number> {
  let correct = 0;
  for (let i = 0; i < count; i++) {
    const c = classes[i % classes.length]!;
    if (argmax(await predict(learner, data.embedding(c))) === c) correct += 1;
  }
  return correct / count;
}

/** 0 to n - 1 */
export function upTo(n: number): number[] {
  return [...Array(n).keys()];
}

export function addClasses(learner: Learner, classes: number): void {
  for (let c = 0; c < classes; c++) learner.addClass();
}

/** A learner of so many random samples of `blobs(dimensions, classes, seed)`. */
export async function taught(make: MakeLearner, dimensions: number, classes: number, samples: number, seed = 1) {
  const data = blobs(dimensions, classes, seed);
  const learner = make(dimensions);
  addClasses(learner, classes);
  for (let i = 0; i < samples; i++) {
    const c = data.randomClass();
    await learn(learner, data.embedding(c), c);
  }
  return { learner, data };
}
