import type { CandidateName, Promotion } from '../../types.js';
import type { CandidateSet } from './candidate-set.js';
import { DECIDE_EVERY, FEWEST_COMPARED, findBest, findBetter } from './champion.js';

const HISTORY = 20;

export interface ChampionshipState {
  /** Who should serve: the definition's wish, or an operator's. */
  serve: 'auto' | CandidateName;
  /** Who serves. */
  champion: CandidateName;
  /** Oldest first. */
  readonly promotions: Promotion[];
}

/** A place in the log. */
export interface Place {
  readonly sequence: number;
  readonly samples: number;
}

/** Who serves a head, and how that came about. */
export class Championship {
  /** @param state Taken over, not copied. */
  constructor(private readonly state: ChampionshipState) {}

  static start(serve: 'auto' | CandidateName, candidates: CandidateSet): ChampionshipState {
    return { serve, champion: firstChampion(serve, candidates), promotions: [] };
  }

  get champion(): CandidateName {
    return this.state.champion;
  }

  get serve(): 'auto' | CandidateName {
    return this.state.serve;
  }

  get promotions(): readonly Promotion[] {
    return this.state.promotions;
  }

  /**
   * After each sample. Who was chosen by name serves as soon as it was judged on as much as the champion, or on enough; the scores decide now and then.
   * @param newest How many of the newest samples are of the world as it is.
   */
  review(candidates: CandidateSet, newest: number, at: Place): Promotion | undefined {
    const { serve } = this.state;
    const champion = candidates.get(this.champion)!;
    if (serve !== 'auto' && serve === champion.name) return undefined;
    const wanted = serve === 'auto' ? undefined : candidates.get(serve);
    if (wanted && wanted.scores.judged >= Math.min(FEWEST_COMPARED, champion.scores.judged)) {
      return this.promote(wanted.name, 'chosen by name', at);
    }
    if (at.samples % DECIDE_EVERY !== 0) return undefined;
    const verdict = findBetter(champion, candidates.all, newest);
    return verdict && this.promote(verdict.winner.name, verdict.reason, at);
  }

  /** The candidates have changed: before anything was judged the first choice serves, and one that is gone gives way to the best that is left. */
  followCandidates(candidates: CandidateSet, at: Place): Promotion | undefined {
    const judged = candidates.all.some(({ scores }) => scores.judged > 0);
    if (!judged) {
      const first = firstChampion(this.serve, candidates);
      return this.promote(first, first === this.serve ? 'chosen by name' : 'nothing was judged yet', at);
    }
    if (candidates.get(this.champion)) return undefined;
    const next = findBest(candidates.all);
    return this.promote(next.name, `${this.champion} was dropped`, at);
  }

  /** An operator's choice. @param candidate null: the scores decide again. */
  choose(candidate: CandidateName | null, at: Place): Promotion | undefined {
    this.state.serve = candidate ?? 'auto';
    return candidate === null ? undefined : this.promote(candidate, 'by an operator', at);
  }

  snapshot(): ChampionshipState {
    return { ...this.state, promotions: [...this.state.promotions] };
  }

  private promote(to: CandidateName, reason: string, { sequence, samples }: Place): Promotion | undefined {
    const { state } = this;
    if (to === state.champion) return undefined;
    const promotion = { from: state.champion, to, sequence, samples, reason };
    state.champion = to;
    state.promotions.push(promotion);
    if (state.promotions.length > HISTORY) state.promotions.shift();
    return promotion;
  }
}

/** Before anything was judged: who was chosen, else what was imported, else the blend, which is rarely worse than its parts, else whatever there is. */
function firstChampion(serve: 'auto' | CandidateName, candidates: CandidateSet): CandidateName {
  const preferred = [...(serve === 'auto' ? [] : [serve]), 'imported', 'blend'] as const;
  return preferred.find((name) => candidates.get(name)) ?? candidates.all[0]!.name;
}
