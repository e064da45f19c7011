import type { SnapshotArray } from '../fold/snapshot-container.js';
import type { LearnerKind } from '../types.js';

/** A learner's state as data: equal histories give equal states, bit for bit. */
export interface LearnerState {
  /** Anything that JSON keeps exactly. */
  readonly metadata: unknown;
  readonly arrays: Readonly<Record<string, SnapshotArray>>;
}

/** A linear classifier of raw embeddings: logits = weights · embedding + bias. */
export interface LinearClassifier {
  /** [classes, dimensions], row-major */
  readonly weights: Float32Array;
  /** [classes] */
  readonly bias: Float32Array;
}

/**
 * What learns a linear classifier from one sample after the other. Deterministic: the same calls give the same bits on every machine, with and without the
 * native addon (see arithmetic/). Nothing in it depends on time.
 */
export interface Learner {
  readonly kind: LearnerKind;
  readonly dimensions: number;
  readonly classCount: number;
  /** Memory that the state takes, in bytes. */
  readonly bytes: number;

  /** Adds a class of which nothing is known, and returns its index. */
  addClass(): number;
  /** Forgets a class: those after it move down by one. */
  removeClass(index: number): void;
  /**
   * @param embedding [dimensions], finite; not kept.
   * @param classIndex Below classCount.
   */
  learnOne(embedding: Float32Array, classIndex: number): void;
  /** Logits [classCount] of one embedding [dimensions]. The array is the learner's own: valid until its next call. */
  predict(embedding: Float32Array): Float64Array;
  /** The classifier as it is now, for serving. */
  serving(): LinearClassifier;
  /** The world changed: what was learned before counts less from now on. */
  forget(change: DriftChange): void;

  /**
   * What every other call but `settled` must wait for: a result of background work that has to be there now, so that state never depends on how
   * fast it was. undefined: nothing. Always undefined for learners without background work.
   */
  waitsFor(): Promise<void> | undefined;
  /** Resolves when no background work runs: only then `snapshot` may be called. */
  settled(): Promise<void> | undefined;
  /** A copy of the state. @throws Error while background work runs. */
  snapshot(): LearnerState;
}

/** What a detector saw. */
export interface DriftChange {
  /** Samples that are of the new world: the newest ones. */
  readonly recent: number;
  /** Share of the accuracy that the change has cost, from 0 to 1 (all that was learned is wrong now). */
  readonly lost: number;
}
