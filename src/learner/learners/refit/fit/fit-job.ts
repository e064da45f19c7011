import type { StandardisedClassifier } from '../standardisation.js';

/** A refit to do: plain data, which stays as it is while the learner goes on. */
export interface FitJob {
  readonly classes: number;
  readonly dimensions: number;
  /** [members, dimensions] As they came. */
  readonly embeddings: Float32Array;
  /** [members] */
  readonly labels: Int32Array;
  /** [members] Above 0. */
  readonly sampleWeights: Float64Array;
  /** [members] 1: judges the choice of the penalty, before it takes part in the fit. */
  readonly heldOut: Int32Array;
  /** Where the fit begins. */
  readonly start: StandardisedClassifier | undefined;
  readonly choice: PenaltyChoice;
  /** Whether the penalty is chosen, too: see `isChoiceDue`. */
  readonly choosing: boolean;
  /** Samples of the stream as it is now: since the world last changed. */
  readonly samples: number;
}

export interface FitResult {
  readonly classifier: StandardisedClassifier;
  readonly choice: PenaltyChoice;
  /** Times that the loss of one member was computed. */
  readonly evaluations: number;
}

/** How far the choice of the penalty has come. */
export interface PenaltyChoice {
  /** Into `penalties`. */
  readonly index: number;
  /** Which neighbour is tried next: -1 or 1. 0: no choice was made yet, so all are tried. */
  readonly side: -1 | 0 | 1;
  /** Samples of the stream at the last choice, and classes; 0: choose as soon as it can be done. */
  readonly samples: number;
  readonly classes: number;
  /** A fit with this penalty that has never seen a held-out member: the next one begins there. */
  readonly classifier: StandardisedClassifier | undefined;
}
