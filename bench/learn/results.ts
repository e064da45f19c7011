import type { CandidateName, LearnerKind } from '../../src/learner/index.js';
import type { Machine } from '../engine/results.js';
import type { Curve } from './curves.js';
import type { Score } from './scores.js';

/** One fold of one set on one backbone. */
export interface FoldResult {
  /** What serves at the end of the pass. */
  readonly champion: CandidateName;
  readonly auto: Score;
  readonly candidates: Readonly<Partial<Record<CandidateName, Score>>>;
  /** Of the champion, at the end, prequential. */
  readonly calibrationError: number;
  /** Shares of the blend at the end. */
  readonly blend: Readonly<Partial<Record<CandidateName, number>>>;
  /** False ones: the stream is shuffled. */
  readonly driftAlarms: number;
  /** undefined: it did not run. */
  readonly baseline?: BaselineFold | undefined;
}

export interface BaselineFold extends Score {
  /** [tested images] 1: `auto` is right and the baseline is not; -1: the other way round; else 0. */
  readonly differences: readonly number[];
}

export interface PairResult {
  readonly set: string;
  readonly title: string;
  readonly backbone: string;
  /** The backbone that this one is a pruned copy of. */
  readonly dense?: string | undefined;
  readonly samples: number;
  readonly classes: number;
  readonly folds: readonly FoldResult[];
  readonly curve: Curve;
}

/** The split that the orientation figures are of. */
export interface SplitResult {
  readonly title: string;
  readonly backbone: string;
  /** Top-1 of `auto`, by shuffle. */
  readonly shuffles: readonly number[];
  /** Top-1 of scikit-learn on the same split of the same embeddings; undefined: it did not run. */
  readonly baseline?: number | undefined;
  /** Top-1 to compare with, where given. */
  readonly orientation?: number | undefined;
  /** Of the offline fit of ../shared/data/README.md, on embeddings made elsewhere. */
  readonly offline?: number | undefined;
}

export interface LearnBenchResult {
  readonly machine: Machine;
  readonly command: string;
  /** Such as `scikit-learn 1.2.1 LogisticRegression(lbfgs), standardised`; undefined: it did not run. */
  readonly baseline?: string | undefined;
  readonly learners: readonly LearnerKind[];
  readonly pairs: readonly PairResult[];
  readonly splits: readonly SplitResult[];
  /** What did not run, and why. */
  readonly leftOut: readonly string[];
}
