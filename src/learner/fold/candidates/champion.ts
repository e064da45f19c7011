import type { Candidate } from './candidate.js';

/** Who serves is decided when so many samples more have been learned. */
export const DECIDE_EVERY = 50;
/** Samples that two candidates must have been judged on together. */
export const FEWEST_COMPARED = 100;
/** At most, and of more than twice the fewest the newer half: what was said before is of learners that have learned much since. */
const LONGEST_COMPARED = 1000;
/** Nats that a challenger must be better by... */
const MARGIN = 0.01;
/** ... beyond so many standard errors of the difference, sample by sample. */
const STANDARD_ERRORS = 2;

export interface Verdict {
  readonly winner: Candidate;
  readonly reason: string;
}

/**
 * The challenger that should serve instead of the champion: the one whose log loss over the last samples that both were judged on is lowest, if it is lower by a
 * margin that chance does not explain.
 * @param newest How many of the newest samples are of the world as it is. @param fewest Samples that must be compared.
 */
export function findBetter(
  champion: Candidate,
  challengers: readonly Candidate[],
  newest = Infinity,
  fewest = FEWEST_COMPARED,
): Verdict | undefined {
  let best: { verdict: Verdict; lead: number } | undefined;
  for (const challenger of challengers) {
    const together = Math.min(newest, champion.scores.judged, challenger.scores.judged);
    const count = Math.min(LONGEST_COMPARED, Math.max(Math.floor(together / 2), Math.min(together, FEWEST_COMPARED)));
    if (challenger === champion || count < fewest) continue;
    const { mine, theirs, error } = compare(champion.scores.losses(count), challenger.scores.losses(count));
    const lead = mine - theirs;
    if (lead < MARGIN + STANDARD_ERRORS * error || (best && lead <= best.lead)) continue;
    const reason = `log loss ${theirs.toFixed(2)} against ${mine.toFixed(2)} over ${count} samples`;
    best = { verdict: { winner: challenger, reason }, lead };
  }
  return best?.verdict;
}

/** The best by mean log loss; of those that were judged on too little, the first. @param candidates At least one. */
export function findBest(candidates: readonly Candidate[]): Candidate {
  const judged = candidates.filter(({ scores }) => scores.judged >= FEWEST_COMPARED);
  return (
    judged.reduce<Candidate | undefined>(
      (best, next) => (best && best.scores.meanLoss() <= next.scores.meanLoss() ? best : next),
      undefined,
    ) ?? candidates[0]!
  );
}

/** Mean losses over the same samples, and the standard error of their difference. */
function compare(mine: Float64Array, theirs: Float64Array): { mine: number; theirs: number; error: number } {
  const count = mine.length;
  let sumOfMine = 0;
  let sumOfTheirs = 0;
  let squares = 0;
  for (let i = 0; i < count; i++) {
    sumOfMine += mine[i]!;
    sumOfTheirs += theirs[i]!;
    squares += (mine[i]! - theirs[i]!) * (mine[i]! - theirs[i]!);
  }
  const difference = (sumOfMine - sumOfTheirs) / count;
  const variance = Math.max(0, squares / count - difference * difference);
  return { mine: sumOfMine / count, theirs: sumOfTheirs / count, error: Math.sqrt(variance / count) };
}
