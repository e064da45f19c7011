// The words that the learner's parts share. See docs/architecture.md for the flow they belong to.

/** How a head's SGD learner is set; part of the head's definition, since its state is a fold that depends on it. */
export interface LearnerOptions {
  readonly kind: 'sgd';
  /** First learning rate. */
  readonly rate: number;
  readonly momentum: number;
  readonly weightDecay: number;
  /** The rate is divided by `annealFactor` each time so many samples have been learned. */
  readonly annealEvery: number;
  readonly annealFactor: number;
  /** The rate never falls below this fraction of the first. */
  readonly rateFloor: number;
}

/** What a head is, fixed for its generation. */
export interface HeadDefinition {
  readonly name: string;
  /** 1 for the first head of this name; deleting and creating it again starts the next. */
  readonly generation: number;
  readonly backbone: string;
  readonly backboneIdentity: string;
  /** D, the length of an embedding. */
  readonly dimensions: number;
  readonly classes: 'open' | readonly string[];
  readonly maxClasses: number;
  readonly learner: LearnerOptions;
  readonly createdAtMs: number;
}

/**
 * A snapshot as serving needs it: standardisation is folded into the weights, so logits = weights · embedding + bias.
 */
export interface HeadModel {
  /** Class c is row c of `weights`. */
  readonly classes: readonly string[];
  readonly dimensions: number;
  /** [classes, dimensions], row-major. */
  readonly weights: Float32Array;
  /** [classes] */
  readonly bias: Float32Array;
}

/** A point in a training log: the stream's creation time tells a stream made anew from the one the snapshot was made on. */
export interface LogPosition {
  readonly streamCreated: string;
  /** Sequence of the last entry folded; 0: none. */
  readonly sequence: number;
}

export interface WindowAccuracy {
  readonly window: number;
  readonly count: number;
  /** correct / count; 0 when count is 0. */
  readonly accuracy: number;
}

export interface ClassStatistics {
  readonly name: string;
  /** Samples learned. */
  readonly samples: number;
  /** Samples among the last 1000. */
  readonly recent: number;
  /** Fraction of those that were predicted right before they were learned; 0 when recent is 0. */
  readonly recall: number;
}

/** What a fold knows about itself: deterministic, so it survives restarts with the snapshot. */
export interface HeadStatistics {
  readonly samples: number;
  /** Entries of the log that could not be learned (class not allowed, class limit), skipped deterministically. */
  readonly skipped: number;
  readonly servedLabelled: number;
  readonly servedCorrect: number;
  /** Windows 100 and 1000. */
  readonly servedAccuracy: readonly WindowAccuracy[];
  readonly prequentialAccuracy: readonly WindowAccuracy[];
  readonly classes: readonly ClassStatistics[];
}

/** One version of a head, as the pointer `<head>.latest` lists it. */
export interface HeadVersion {
  readonly version: number;
  readonly samples: number;
  readonly position: LogPosition;
  readonly createdAtMs: number;
  /** sha256 (hex) of the serving weights' bytes, which is part of the object's name. */
  readonly modelDigest: string;
  /** sha256 (hex) of the learner's state. */
  readonly stateDigest: string;
}

/** What a request is answered from: captured once, when its batch starts. */
export interface ServingHead {
  readonly definition: HeadDefinition;
  /** 0: nothing learned yet. */
  readonly version: number;
  /** null exactly when version is 0. */
  readonly model: HeadModel | null;
}

/** How a label ended. `trained` is counted when the learner has folded it. */
export type LabelResult = 'trained' | 'duplicate' | 'unknown_id' | 'late' | 'invalid';

/** Why a label was given up: the header `Headwater-Reason` of a dead letter. */
export type DeadReason =
  | 'invalid'
  | 'unknown_id'
  | 'unknown_head'
  | 'unknown_class'
  | 'class_limit'
  | 'late'
  | 'too_large'
  | 'undecodable_image'
  | 'wrong_backbone';

/** A problem that a caller can do something about: the server's error table maps the code to a gRPC status. */
export class LearnerError extends Error {
  override readonly name = 'LearnerError';
  constructor(
    readonly code:
      | 'head_unknown'
      | 'head_exists'
      | 'head_unavailable'
      | 'version_unknown'
      | 'invalid_argument'
      | 'label_too_large'
      | 'labels_full'
      | 'nats_unavailable'
      | 'nats_setup'
      | 'snapshot_corrupt'
      | 'log_mismatch'
      | 'data_directory_in_use',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
