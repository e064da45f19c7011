// The words that the learner's parts share. See docs/architecture.md for the flow they belong to.

export const learnerKinds = ['sgd', 'slda', 'rls', 'refit'] as const;
/** What learns: each is a linear classifier of its own, taught by every sample. */
export type LearnerKind = (typeof learnerKinds)[number];

/**
 * What can answer for a head: a learner, the weighted sum of all of them (`blend`), or the weights that a head was imported with (`imported`). All are
 * linear, so serving sees one matrix whichever it is.
 */
export const candidateNames = [...learnerKinds, 'blend', 'imported'] as const;
export type CandidateName = (typeof candidateNames)[number];

/** Multinomial logistic regression by stochastic gradient descent (Iofinova et al. 2022, section 3.3, appendix B). */
export interface SgdOptions {
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

export interface RefitOptions {
  /** Embeddings that the reservoir holds at most, over all classes. */
  readonly capacity: number;
  /**
   * With n samples learned since the world last changed (at most `capacity`) when a refit began, the next one begins (growth - 1) n samples later...
   */
  readonly growth: number;
  /** ... and this one is installed after `delay` * n samples (rounded up; some at least, and more when it chooses its penalty: refit-schedule.ts). */
  readonly delay: number;
}

/** How a head learns; part of its definition, since its state is a fold that depends on it. */
export interface LearnerOptions {
  /** Which candidate serves. `auto`: the best by prequential score. A promotion in the log counts more. */
  readonly serve: 'auto' | CandidateName;
  /** What trains. `auto`: `sgd` from the start, and the others when the process that learns the head has memory for them (an entry in the log). */
  readonly train: 'auto' | readonly LearnerKind[];
  readonly sgd: SgdOptions;
  /** Streaming linear discriminant analysis (Hayes and Kanan 2020). */
  readonly slda: {
    /** Times the dimensions: how many samples' worth of scatter, the same along every axis, the covariance begins with. */
    readonly shrinkage: number;
  };
  /** Recursive least squares on one-hot targets. */
  readonly rls: { readonly ridge: number };
  readonly refit: RefitOptions;
  readonly drift: {
    /** ADWIN's confidence: the chance of a false alarm (Bifet and Gavalda 2007). */
    readonly delta: number;
    /** Whether the learners forget when drift is detected. */
    readonly react: boolean;
  };
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

/** One life of a head: after it was deleted, its name may be used again. */
export type HeadGeneration = Pick<HeadDefinition, 'name' | 'generation'>;

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

/** How well one candidate predicts the samples before they are learned. */
export interface CandidateStatistics {
  readonly name: CandidateName;
  /** Samples that it was judged on. */
  readonly samples: number;
  /** Prequential, windows 100 and 1000. */
  readonly accuracy: readonly WindowAccuracy[];
  /** Mean -log probability (nats) of the label over the last 1000 samples, calibrated; 0 when there are none. */
  readonly logLoss: number;
  /** What its logits are divided by before the softmax. */
  readonly temperature: number;
  /** Its share in the blend; 0 to 1. */
  readonly weight: number;
  /** Memory of its state as it lies in this process: the one number here that does not follow from the log alone. */
  readonly bytes: number;
}

export type DriftLevel = 'stable' | 'warning' | 'drift';

/** A change of the drift state, oldest first in the history. */
export interface DriftEvent {
  readonly level: DriftLevel;
  /** Position in the log. */
  readonly sequence: number;
  readonly samples: number;
  /** Prequential error before and after the change, as the detector estimates them. */
  readonly errorBefore: number;
  readonly errorAfter: number;
}

/** A change of what serves. */
export interface Promotion {
  readonly from: CandidateName;
  readonly to: CandidateName;
  readonly sequence: number;
  readonly samples: number;
  /** In a few words, such as `log loss 0.61 against 0.75 over 1000 samples`, or `by an operator`. */
  readonly reason: string;
}

/** Samples of one class that were taken for another, among the last 1000. */
export interface ConfusedPair {
  readonly label: string;
  readonly predicted: string;
  readonly count: number;
}

/** What a fold knows about itself: deterministic, so it survives restarts with the snapshot. */
export interface HeadStatistics {
  /** What serves the newest version. */
  readonly champion: CandidateName;
  /** `auto`, or the candidate that an operator (or the definition) chose. */
  readonly serve: 'auto' | CandidateName;
  /** Champion first, then by log loss. */
  readonly candidates: readonly CandidateStatistics[];
  /** Newest last, the last 20. */
  readonly promotions: readonly Promotion[];
  /** Expected calibration error (15 bins of equal width) of the champion over the last 1000 samples; 0 to 1. */
  readonly calibrationError: number;
  readonly drift: { readonly level: DriftLevel /** The last 20. */; readonly history: readonly DriftEvent[] };
  /** The most frequent, at most 20. */
  readonly confusions: readonly ConfusedPair[];
  /** Names that labels may still use for a class that was renamed. */
  readonly aliases: readonly { readonly from: string; readonly to: string }[];
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
  /**
   * sha256 (hex) of the learners' state; null: this version has the weights only. States are large and follow from the log, so they are
   * stored less often than versions.
   */
  readonly stateDigest: string | null;
  /** What serves it. */
  readonly champion: CandidateName;
  /** Top-1 of the champion over the last 1000 samples, prequential; null before the first. */
  readonly accuracy: number | null;
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
      | 'version_mismatch'
      | 'class_unknown'
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
