import { candidateNames, LearnerError, type LearnerOptions, learnerKinds } from '../types.js';

/**
 * Rate, momentum and factor of `sgd` as in Iofinova et al. 2022, section 3.3 and appendix B (linear finetuning); steps count samples, since a
 * stream has no epochs. The other numbers are measured: docs/learning.md.
 */
export const defaultLearnerOptions: LearnerOptions = {
  serve: 'auto',
  train: 'auto',
  sgd: { rate: 0.01, momentum: 0.9, weightDecay: 5e-4, annealEvery: 10_000, annealFactor: 10, rateFloor: 0.1 },
  slda: { shrinkage: 0.5 },
  rls: { ridge: 200 },
  refit: { capacity: 4096, growth: 1.2, delay: 0.15 },
  drift: { delta: 0.002, react: true },
};

/** @throws LearnerError invalid_argument, naming the option and its range. */
export function checkLearnerOptions({ serve, train, sgd, slda, rls, refit, drift }: LearnerOptions): void {
  const candidates = ['auto', ...candidateNames.filter((name) => name !== 'imported')];
  check('serve', serve, candidates.includes(serve), `one of ${candidates.join(', ')}`);
  check('train', train, train === 'auto' || isListOfKinds(train), `'auto' or a list of ${learnerKinds.join(', ')}`);
  check('sgd.rate', sgd.rate, sgd.rate > 0 && sgd.rate <= 1, 'above 0 and at most 1');
  check('sgd.momentum', sgd.momentum, sgd.momentum >= 0 && sgd.momentum < 1, 'at least 0 and below 1');
  check('sgd.weightDecay', sgd.weightDecay, sgd.weightDecay >= 0 && sgd.weightDecay < 1, 'at least 0 and below 1');
  check('sgd.annealEvery', sgd.annealEvery, isCount(sgd.annealEvery), 'a whole number from 1');
  check('sgd.annealFactor', sgd.annealFactor, isAtLeast(sgd.annealFactor, 1), 'at least 1');
  check('sgd.rateFloor', sgd.rateFloor, sgd.rateFloor > 0 && sgd.rateFloor <= 1, 'above 0 and at most 1');
  check('slda.shrinkage', slda.shrinkage, isStrength(slda.shrinkage), STRENGTH);
  check('rls.ridge', rls.ridge, isStrength(rls.ridge), STRENGTH);
  check('refit.capacity', refit.capacity, isCount(refit.capacity), 'a whole number from 1');
  check('refit.growth', refit.growth, isAtLeast(refit.growth, 1.05), 'at least 1.05');
  check('refit.delay', refit.delay, refit.delay >= 0 && refit.delay <= 1, 'at least 0 and at most 1');
  check('drift.delta', drift.delta, drift.delta > 0 && drift.delta < 1, 'above 0 and below 1');
  check('drift.react', drift.react, typeof drift.react === 'boolean', 'true or false');
}

/** Weaker, rounding would decide what is learned from few samples; stronger, nothing would be learned from many. */
const STRENGTH = 'from 0.001 to 1000000';

function isStrength(value: number): boolean {
  return value >= 0.001 && value <= 1e6;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}

function isAtLeast(value: number, least: number): boolean {
  return value >= least && Number.isFinite(value);
}

function isListOfKinds(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  const known = value.every((kind) => learnerKinds.some((each) => each === kind));
  return known && value.length > 0 && new Set(value).size === value.length;
}

function check(option: string, value: unknown, holds: boolean, range: string): void {
  if (holds) return;
  const shown = Array.isArray(value) ? `[${value.join(', ')}]` : String(value);
  throw new LearnerError('invalid_argument', `learner.${option}: ${shown} is not ${range}`);
}
