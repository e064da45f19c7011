import type { Arithmetic } from '../../native/index.js';
import { arithmetic as fastestArithmetic } from '../arithmetic/arithmetic.js';
import type { LearnerKind, LearnerOptions } from '../types.js';
import { capacityFor } from './class-rows.js';
import type { Learner, LearnerState } from './learner.js';
import { checkLearnerOptions } from './learner-options.js';
import { precisionBytes } from './recursive/precision.js';
import { heldBytes, RecursiveLearner } from './recursive/recursive-learner.js';
import { Rls } from './recursive/rls.js';
import { Slda } from './recursive/slda.js';
import { inlineTrainer, type Trainer } from './refit/fit/trainer.js';
import { RefitLearner } from './refit/refit.js';
import { SgdLearner } from './sgd.js';

export interface LearnerSetting {
  /** D, the length of an embedding. */
  readonly dimensions: number;
  readonly options: LearnerOptions;
  /** undefined: the fastest there is. It changes no bit. */
  readonly arithmetic?: Arithmetic;
  /** What does the refits; undefined: they are done at once, in the calling thread. It changes no bit either. */
  readonly trainer?: Trainer;
}

/**
 * A learner that goes on from `state`, or starts without classes.
 * @throws LearnerError invalid_argument when an option is out of its range; snapshot_corrupt when `state` is none of such a learner
 */
export function createLearner(kind: LearnerKind, setting: LearnerSetting, state?: LearnerState): Learner {
  const { dimensions, options, arithmetic = fastestArithmetic(), trainer = inlineTrainer } = setting;
  checkLearnerOptions(options);
  switch (kind) {
    case 'sgd':
      return new SgdLearner(dimensions, options.sgd, arithmetic, state);
    case 'slda': {
      const core = (saved?: LearnerState) =>
        new Slda(dimensions, options.slda.shrinkage * dimensions, arithmetic, saved);
      return new RecursiveLearner(kind, dimensions, core, state);
    }
    case 'rls': {
      const core = (saved?: LearnerState) => new Rls(dimensions, options.rls.ridge, arithmetic, saved);
      return new RecursiveLearner(kind, dimensions, core, state);
    }
    case 'refit':
      return new RefitLearner(dimensions, options.refit, arithmetic, trainer, state);
  }
}

/** Matrices of [classes, dimensions] FP64 numbers that a learner keeps. */
const matrices: Record<LearnerKind, number> = { sgd: 4, slda: 2, rls: 1, refit: 5 };

/** Matrices that a refit has besides, until it is done: where it begins, and its result. */
const MATRICES_OF_FIT = 4;

/**
 * Memory that a learner takes in the end, with so many classes and a full reservoir, in bytes; of `refit` also the copy that a job takes along. (The fits
 * themselves are done one after the other, for all heads of a process: some 24 matrices at a time.)
 */
export function estimateBytes(kind: LearnerKind, { dimensions, options }: LearnerSetting, classes: number): number {
  const matrix = capacityFor(classes) * dimensions * Float64Array.BYTES_PER_ELEMENT;
  const weights = matrices[kind] * matrix;
  if (kind === 'slda' || kind === 'rls') return weights + precisionBytes(dimensions) + heldBytes(dimensions);
  if (kind === 'refit') {
    const reservoir = options.refit.capacity * dimensions * Float32Array.BYTES_PER_ELEMENT;
    return weights + MATRICES_OF_FIT * matrix + 2 * reservoir;
  }
  return weights;
}
