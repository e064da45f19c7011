import type { Candidate } from './candidate.js';

/** Who serves is decided when so many samples more have been learned. */
export const DECIDE_EVERY = 50;
/** Samples that two candidates must have been judged on together. */
export const FEWEST_COMPARED = 100;
/** At most the newer half of what both were judged on: what was said before is of learners that have learned much since. */
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
 * @param newest How many of the newest samples are of the world as it is.
 */
export function findBetter(
  champion: Candidate,
  challengers: readonly Candidate[],
  newest = Infinity,
): Verdict | undefined {
  let best: { verdict: Verdict; lead: number } | undefined;
  for (const challenger of challengers) {
    const together = Math.min(newest, champion.scores.judged, challenger.scores.judged);
    const count = Math.min(LONGEST_COMPARED, Math.floor(together / 2));
    if (challenger === champion || count < FEWEST_COMPARED) continue;
    const { mine, theirs, lead, isClear } = compare(champion, challenger, count);
    if (!isClear || (best && lead <= best.lead)) continue;
    const reason = `log loss ${theirs.toFixed(2)} against ${mine.toFixed(2)} over ${count} samples`;
    best = { verdict: { winner: challenger, reason }, lead };
  }
  return best?.verdict;
}

/** Whether the champion's log loss over the newest `count` samples is clearly the higher one. */
export function isWorse(champion: Candidate, challenger: Candidate, count: number): boolean {
  return compare(champion, challenger, count).isClear;
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

/** Mean losses over the newest `count` samples, and whether the lead of the challenger is more than chance and the margin. */
function compare(champion: Candidate, challenger: Candidate, count: number) {
  const mine = champion.scores.losses(count);
  const theirs = challenger.scores.losses(count);
  let sumOfMine = 0;
  let sumOfTheirs = 0;
  let squares = 0;
  for (let i = 0; i < count; i++) {
    sumOfMine += mine[i]!;
    sumOfTheirs += theirs[i]!;
    squares += (mine[i]! - theirs[i]!) * (mine[i]! - theirs[i]!);
  }
  const lead = (sumOfMine - sumOfTheirs) / count;
  const error = Math.sqrt(Math.max(0, squares / count - lead * lead) / count);
  const isClear = lead >= MARGIN + STANDARD_ERRORS * error;
  return { mine: sumOfMine / count, theirs: sumOfTheirs / count, lead, isClear };
}
