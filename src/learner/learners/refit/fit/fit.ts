import type { Arithmetic } from '../../../../native/index.js';
import { arithmetic as fastestArithmetic } from '../../../arithmetic/arithmetic.js';
import { log } from '../../../head/log.js';
import { restandardised, type StandardisedClassifier, standardisationOf, standardiseAll } from '../standardisation.js';
import type { FitJob, FitResult } from './fit-job.js';
import { type LbfgsOptions, minimise } from './lbfgs.js';
import { choosePenalty, penalties, type Solve } from './penalty-choice.js';
import {
  joinParameters,
  type Members,
  type SoftmaxRegression,
  softmaxRegression,
  splitParameters,
} from './softmax-regression.js';

/** Of the fit that is used: accuracy has settled by then (measured: docs/learning.md). */
const PATIENCE: LbfgsOptions = { tolerance: 0.005, evaluations: 40 };

/** Does the job: chooses the penalty by held-out loss, then fits to all members. The same job gives the same bits anywhere. */
export function fit(job: FitJob, arithmetic: Arithmetic = fastestArithmetic()): FitResult {
  const { classes, dimensions, labels, sampleWeights } = job;
  const samples = labels.length;
  const constants = standardisationOf(job.embeddings, samples, dimensions);
  const embeddings = standardiseAll(job.embeddings, samples, constants);
  const members: Members = { samples, embeddings, labels, sampleWeights };
  // Penalties are meant for a mean variance of 1 a dimension.
  const unit = constants.typicalSquaredLength > 0 ? constants.typicalSquaredLength / dimensions : 1;
  let evaluations = 0;
  const solve: Solve = (those, index, start, patience) => {
    const problem = { ...those, classes, dimensions, penalty: penalties[index]! * unit };
    const { point, cost } = solveFrom(problem, start && restandardised(start, constants), patience, arithmetic);
    evaluations += cost * those.samples;
    return { ...constants, ...splitParameters(point, classes) };
  };
  const choice = choosePenalty(job, members, solve, arithmetic);
  const classifier = solve(members, choice.index, job.start, PATIENCE);
  return { classifier, choice, evaluations };
}

function solveFrom(
  problem: SoftmaxRegression,
  start: StandardisedClassifier | undefined,
  patience: LbfgsOptions,
  arithmetic: Arithmetic,
): { point: Float64Array; cost: number } {
  const { classes, dimensions } = problem;
  const objective = softmaxRegression(problem, arithmetic);
  const zeros = new Float64Array(classes * (dimensions + 1));
  const first = start === undefined ? zeros : joinParameters(start.weights, start.bias);
  const found = minimise(objective, first, patience, arithmetic);
  // A start from another world (constants that moved far, say) may lead nowhere good in time. Zeros make every class as likely as the others.
  const valueOfZeros = log(classes) * problem.sampleWeights.reduce((sum, weight) => sum + weight, 0);
  if (start === undefined || found.value <= valueOfZeros) return { point: found.point, cost: found.evaluations };
  const anew = minimise(objective, zeros, patience, arithmetic);
  return { point: anew.point, cost: found.evaluations + anew.evaluations };
}
