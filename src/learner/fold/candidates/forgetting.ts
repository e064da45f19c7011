import { Recent } from '../recent.js';

/** Judgements of old samples that are looked at: the newest. */
export const REMEMBERED_WINDOW = 100;
/** With fewer, nothing is said of a candidate. */
const FEWEST_REMEMBERED = 50;
/** A candidate forgets when it knows so much less of the old samples than the best of them does... */
export const FORGETS = 0.2;
/** ... and so much less than of the last 1000, before it learned them. (It has learned the old ones: on a stream in mixed order it knows them better.) */
const BELOW_ITS_OWN = 0.1;
/** It does so until one of the differences is smaller by this. */
const SLACK = 0.1;

export interface MemoryState {
  /** Oldest first: 1 for an old sample that was known, else 0. */
  readonly remembered: Float64Array;
  forgets: boolean;
}

/**
 * What a candidate still knows of old samples. On a stream whose samples come class by class, those that know only the newest ones predict the next one best, and
 * the scores cannot tell.
 */
export class Memory {
  private readonly remembered: Recent;
  private forgetful: boolean;

  constructor(state?: MemoryState) {
    this.remembered = new Recent(REMEMBERED_WINDOW, state?.remembered);
    this.forgetful = state?.forgets ?? false;
  }

  /** Whether it knows much less of the past than another. */
  get forgets(): boolean {
    return this.forgetful;
  }

  add(known: boolean): void {
    this.remembered.push(known ? 1 : 0);
  }

  /** Part of the old samples that was known; undefined: too few were asked for. */
  share(): number | undefined {
    const { count } = this.remembered;
    if (count < FEWEST_REMEMBERED) return undefined;
    return this.remembered.newest().reduce((sum, known) => sum + known, 0) / count;
  }

  /** @param best The largest share of all. @param accuracy The candidate's, prequential. */
  compare(best: number, accuracy: number): void {
    const share = this.share();
    if (share === undefined) return;
    const slack = this.forgetful ? SLACK : 0;
    this.forgetful = best - share > FORGETS - slack && accuracy - share > BELOW_ITS_OWN - slack;
  }

  /** Nothing is said of it any more. */
  clear(): void {
    this.remembered.replace([]);
    this.forgetful = false;
  }

  snapshot(): MemoryState {
    return { remembered: this.remembered.newest(), forgets: this.forgetful };
  }
}

/** Says of each candidate whether it forgets. @param candidates With their prequential accuracies. */
export function compareMemories(candidates: readonly { readonly memory: Memory; readonly accuracy: number }[]): void {
  const best = Math.max(0, ...candidates.map(({ memory }) => memory.share() ?? 0));
  for (const { memory, accuracy } of candidates) memory.compare(best, accuracy);
}
