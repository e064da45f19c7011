import { LearnerError, type LearnerOptions } from '../types.js';

/**
 * Rate, momentum and factor as in Iofinova et al. 2022, section 3.3 and appendix B (linear finetuning). Steps count samples,
 * since a stream has no epochs.
 */
export const defaultLearnerOptions: LearnerOptions = {
  kind: 'sgd',
  rate: 0.01,
  momentum: 0.9,
  weightDecay: 5e-4,
  annealEvery: 10_000,
  annealFactor: 10,
  rateFloor: 0.1,
};

/** @throws LearnerError invalid_argument, naming the option and its range. */
export function checkLearnerOptions(options: LearnerOptions): void {
  const check = (option: keyof LearnerOptions, holds: boolean, range: string) => {
    if (!holds) throw new LearnerError('invalid_argument', `learner.${option}: ${options[option]} is not ${range}`);
  };
  check('kind', options.kind === 'sgd', "a learner that this version knows ('sgd')");
  check('rate', options.rate > 0 && options.rate <= 1, 'above 0 and at most 1');
  check('momentum', options.momentum >= 0 && options.momentum < 1, 'at least 0 and below 1');
  check('weightDecay', options.weightDecay >= 0 && options.weightDecay < 1, 'at least 0 and below 1');
  check('annealEvery', Number.isSafeInteger(options.annealEvery) && options.annealEvery >= 1, 'a whole number from 1');
  check('annealFactor', options.annealFactor >= 1 && Number.isFinite(options.annealFactor), 'at least 1');
  check('rateFloor', options.rateFloor > 0 && options.rateFloor <= 1, 'above 0 and at most 1');
}
