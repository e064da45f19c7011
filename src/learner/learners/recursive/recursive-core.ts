import type { LearnerState } from '../learner.js';

/** What a `RecursiveLearner` is made of: it learns a linear classifier in coordinates that are given, and fixed. */
export interface RecursiveCore {
  readonly classCount: number;
  readonly bytes: number;
  addClass(): void;
  removeClass(index: number): void;
  /** @param input [dimensions], bounded; not kept. */
  learnOne(input: Float64Array, classIndex: number): void;
  /** Logits [classCount]: valid until the next call. */
  logits(input: Float64Array): Float64Array;
  /** logits = weights · input + bias; perhaps views, valid until the next call. */
  classifier(): CoreClassifier;
  /** What was learned counts as so many samples at most from now on. */
  forget(worth: number): void;
  snapshot(): LearnerState;
}

export interface CoreClassifier {
  /** [>= classes, dimensions] */
  readonly weights: Float64Array;
  /** [>= classes] */
  readonly bias: Float64Array;
}
