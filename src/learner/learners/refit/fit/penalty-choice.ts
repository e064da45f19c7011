import type { Arithmetic } from '../../../../native/index.js';
import { Random } from '../random.js';
import type { StandardisedClassifier } from '../standardisation.js';
import type { FitJob, PenaltyChoice } from './fit-job.js';
import type { LbfgsOptions } from './lbfgs.js';
import type { Members } from './softmax-regression.js';

/**
 * The penalties to choose from: factors of half the squared weights beside the sum of all losses, for embeddings of unit variance a dimension. They do not
 * grow with the samples: a Gaussian prior of the weights does not, either.
 */
export const penalties: readonly number[] = [1, 3, 10, 30, 100, 300, 1000];
/** Until a choice was made. */
export const firstPenalty = penalties.indexOf(30);

/** Members that the choice is made with, at most: more would cost more, and hardly choose better. But a class needs some to be known by. */
const MOST_MEMBERS = 500;
const MEMBERS_OF_CLASS = 5;
/** The next choice is made when the stream has grown by this factor, or its classes have: the penalty that is best changes slowly. */
const CHOOSE_AGAIN = 2;
/** And after so many times the members that there is room for: a reservoir that is full follows the stream as well. */
const CHOOSE_AFTER = 2;
/** Nothing hangs on it but that it is always the same. */
const SEED = 20230401;
/** With fewer held-out members, there is no choice. */
const LEAST_HELD_OUT = 16;
/** Another penalty is chosen if it lowers the held-out loss by this fraction: less is chance. */
const LEAST_GAIN = 0.005;
/** Of each fit: enough to compare penalties by (more changed no accuracy). */
const PATIENCE: LbfgsOptions = { tolerance: 0.01, evaluations: 10 };

/**
 * Fits to those members with a penalty, an index into `penalties`.
 * @param start A classifier to begin at; of other constants, too
 */
export type Solve = (
  members: Members,
  penalty: number,
  start: StandardisedClassifier | undefined,
  patience: LbfgsOptions,
) => StandardisedClassifier;

/** What is known before the first choice. */
export const noChoice: PenaltyChoice = { index: firstPenalty, side: 0, samples: 0, classes: 0, classifier: undefined };

/** Whether a fit chooses the penalty, which takes as long again. @param capacity Members that there is room for. */
export function isChoiceDue(
  { choice, samples, classes, heldOut }: Omit<FitJob, 'choosing'>,
  capacity: number,
): boolean {
  const judges = heldOut.reduce((sum, held) => sum + held, 0);
  const hasGrown = samples >= CHOOSE_AGAIN * choice.samples || samples >= choice.samples + CHOOSE_AFTER * capacity;
  return judges >= LEAST_HELD_OUT && (hasGrown || classes >= CHOOSE_AGAIN * choice.classes);
}

/**
 * Fits without the held-out members, with the last penalty and one neighbour of it (with all at first, and when the classes have doubled), and compares the
 * loss of the held-out ones.
 */
export function choosePenalty(job: FitJob, all: Members, solve: Solve, arithmetic: Arithmetic): PenaltyChoice {
  const { choice, classes, samples } = job;
  if (!job.choosing) return choice;
  const taken = drawn(all.samples, Math.max(MOST_MEMBERS, MEMBERS_OF_CLASS * classes));
  const [taught, judges] = [0, 1].map((held) =>
    select(
      all,
      taken.filter((n) => job.heldOut[n] === held),
    ),
  ) as [Members, Members];
  if (judges.samples < LEAST_HELD_OUT) return choice;
  const first = choice.side === 0 || classes >= CHOOSE_AGAIN * choice.classes;
  // From the strongest penalty to the weakest: each fit is near the one before.
  const candidates = first
    ? penalties.map((_, i) => penalties.length - 1 - i)
    : [choice.index, choice.index + choice.side];
  let best: { index: number; loss: number; classifier: StandardisedClassifier } | undefined;
  let classifier = choice.classifier;
  for (const index of candidates) {
    if (penalties[index] === undefined) continue;
    classifier = solve(taught, index, first ? classifier : choice.classifier, PATIENCE);
    const loss = lossOf(judges, classes, classifier, arithmetic);
    if (best === undefined || loss < best.loss * (1 - LEAST_GAIN)) best = { index, loss, classifier };
    // Down the path, the loss has one minimum, near enough.
    else if (first && loss > best.loss * (1 + LEAST_GAIN)) break;
  }
  const { index } = best!;
  return { index, side: nextSide(choice, first, index), samples, classes, classifier: best!.classifier };
}

/** On in the same direction after a success, else the other way; inwards at an end. */
function nextSide(before: PenaltyChoice, first: boolean, index: number): -1 | 1 {
  if (index === 0) return 1;
  if (index === penalties.length - 1) return -1;
  if (first || before.side === 0) return 1;
  return index === before.index ? (-before.side as -1 | 1) : before.side;
}

/** At most `limit` of the indices below `count`, at random: members that are evenly spaced may all be of one class, or none held out. */
function drawn(count: number, limit: number): number[] {
  const indices = Array.from({ length: count }, (_, n) => n);
  if (count <= limit) return indices;
  const random = Random.seeded(SEED);
  for (let i = 0; i < limit; i++) {
    const other = i + random.below(count - i);
    const index = indices[other]!;
    indices[other] = indices[i]!;
    indices[i] = index;
  }
  return indices.slice(0, limit).sort((a, b) => a - b);
}

/** Copies of some members. */
function select(all: Members, indices: readonly number[]): Members {
  const dimensions = all.embeddings.length / all.samples;
  const embeddings = new Float32Array(indices.length * dimensions);
  indices.forEach((n, i) => {
    embeddings.set(all.embeddings.subarray(n * dimensions, (n + 1) * dimensions), i * dimensions);
  });
  return {
    samples: indices.length,
    embeddings,
    labels: Int32Array.from(indices, (n) => all.labels[n]!),
    sampleWeights: Float64Array.from(indices, (n) => all.sampleWeights[n]!),
  };
}

function lossOf(
  members: Members,
  classes: number,
  { weights, bias }: StandardisedClassifier,
  arithmetic: Arithmetic,
): number {
  const gradients = { weightGradient: new Float64Array(weights.length), biasGradient: new Float64Array(classes) };
  return arithmetic.softmaxLoss({ ...members, classes, weights, bias, ...gradients });
}
