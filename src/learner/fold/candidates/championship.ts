import type { CandidateName, Promotion } from '../../types.js';
import type { Candidate } from './candidate.js';
import type { CandidateSet } from './candidate-set.js';
import { DECIDE_EVERY, FEWEST_COMPARED, findBest, findBetter } from './champion.js';

const HISTORY = 20;
/** Samples that the blend must have been judged on to take over from one that serves for want of it. */
const FEWEST_OF_FIRST = 50;

export interface ChampionshipState {
  /** Who should serve: the definition's wish, or an operator's. */
  serve: 'auto' | CandidateName;
  /** Who serves. */
  champion: CandidateName;
  /** It serves for want of another, not because it was better: the blend takes over as soon as it can, unless it is worse. */
  provisional: boolean;
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
    const champion = firstChampion(serve, candidates);
    return { serve, champion, provisional: isProvisional(champion), promotions: [] };
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
    const able = candidates.all.filter(({ memory }) => !memory.forgets);
    if (able.length < candidates.all.length) return this.chooseByMemory(champion, able, at);
    const blend = able.find(({ name }) => name === 'blend');
    if (this.state.provisional && blend && blend !== champion) {
      if (Math.min(newest, blend.scores.judged) < FEWEST_OF_FIRST) return undefined;
      if (!findBetter(blend, [champion], newest, FEWEST_OF_FIRST)) {
        return this.promote(blend.name, `as good as ${champion.name}, which served for want of it`, at);
      }
    }
    const verdict = findBetter(champion, able, newest);
    if (verdict) this.state.provisional = false;
    return verdict && this.promote(verdict.winner.name, verdict.reason, at);
  }

  /** The world has changed: what was proven is not any more. */
  doubt(): void {
    this.state.provisional = true;
  }

  /** The candidates have changed: before anything was judged the first choice serves, and one that is gone gives way to the best that is left. */
  followCandidates(candidates: CandidateSet, at: Place): Promotion | undefined {
    const judged = candidates.all.some(({ scores }) => scores.judged > 0);
    if (!judged) {
      const first = firstChampion(this.serve, candidates);
      this.state.provisional = isProvisional(first);
      return this.promote(first, first === this.serve ? 'chosen by name' : 'nothing was judged yet', at);
    }
    if (candidates.get(this.champion)) return undefined;
    const next = findBest(candidates.all);
    this.state.provisional = true;
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

  /**
   * Someone forgets, so the samples come class by class, and the scores favour who knows the newest ones only: the blend serves, or else who knows most of the
   * past.
   */
  private chooseByMemory(champion: Candidate, able: readonly Candidate[], at: Place): Promotion | undefined {
    const blend = able.find(({ name }) => name === 'blend');
    if (able.length === 0 || (!champion.memory.forgets && !blend)) return undefined;
    const keeper = blend ?? able.reduce((best, next) => (shareOf(next) > shareOf(best) ? next : best));
    this.state.provisional = isProvisional(keeper.name);
    const known = [champion, keeper].map((each) => `${each.name} ${Math.round(100 * shareOf(each))} %`).join(', ');
    return this.promote(keeper.name, `old samples that are still known: ${known}`, at);
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

function shareOf({ memory }: Candidate): number {
  return memory.share() ?? 0;
}

/** Before anything was judged: who was chosen, else what was imported, else the blend, which is rarely worse than its parts, else whatever there is. */
function firstChampion(serve: 'auto' | CandidateName, candidates: CandidateSet): CandidateName {
  const preferred = [...(serve === 'auto' ? [] : [serve]), 'imported', 'blend'] as const;
  return preferred.find((name) => candidates.get(name)) ?? candidates.all[0]!.name;
}

/** What was imported, or the blend, is the first choice. */
function isProvisional(champion: CandidateName): boolean {
  return champion !== 'imported' && champion !== 'blend';
}
