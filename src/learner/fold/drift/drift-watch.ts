import type { DriftChange } from '../../learners/learner.js';
import type { DriftEvent, DriftLevel } from '../../types.js';
import { Adwin, type AdwinState, type Cut } from './adwin.js';

/** A warning is as sure as `delta` times this, at most WARNING_LIMIT. */
const WARNING_FACTOR = 10;
const WARNING_LIMIT = 0.2;
/** A warning stays for so many judged samples after it was last seen... */
const WARNING_LASTS = 128;
/**
 * ... and a drift at least for so many. Meanwhile only one that is worse is another: right after they have forgotten, the learners err more than before, and a
 * detector that took that for the next drift would make them forget for ever.
 */
const DRIFT_LASTS = 512;
const HISTORY = 20;
/** Of the accuracy, by any change. */
const MOST_LOST = 0.99;

export interface DriftWatchState {
  level: DriftLevel;
  /** Samples that the level still lasts. */
  lasts: number;
  readonly adwin: AdwinState;
  /** Oldest first. */
  readonly history: DriftEvent[];
}

export interface DriftNews {
  /** The level has changed. */
  readonly event: DriftEvent;
  /** The learners should forget what is older. */
  readonly change?: DriftChange | undefined;
}

/** The drift state of a head, from the errors of what serves: a rise of the error counts, a fall is what learning is for. */
export class DriftWatch {
  private readonly adwin: Adwin;

  /** @param state Taken over, not copied. */
  constructor(
    private readonly delta: number,
    private readonly state: DriftWatchState = {
      level: 'stable',
      lasts: 0,
      adwin: { rows: [[]], sinceCheck: 0 },
      history: [],
    },
  ) {
    this.adwin = new Adwin(state.adwin);
  }

  get level(): DriftLevel {
    return this.state.level;
  }

  get history(): readonly DriftEvent[] {
    return this.state.history;
  }

  /**
   * @param wrong Whether the champion's prediction was wrong.
   * @param at Where the head is, for the history.
   * @returns what changed, if anything did
   */
  observe(wrong: boolean, at: { readonly sequence: number; readonly samples: number }): DriftNews | undefined {
    const { state } = this;
    if (state.lasts > 0) state.lasts -= 1;
    const check = this.adwin.add(wrong ? 1 : 0);
    if (state.level === 'drift') return this.whileDrift(check, at);
    if (check) {
      const cut = this.adwin.findCut(this.delta);
      if (cut) this.adwin.keep(cut.recent);
      if (cut && cut.after > cut.before) return this.alarm(cut, at);
      const hint = this.adwin.findCut(Math.min(WARNING_LIMIT, this.delta * WARNING_FACTOR));
      if (hint && hint.after > hint.before) {
        state.lasts = WARNING_LASTS;
        if (state.level === 'stable') return { event: this.enter('warning', hint, at) };
      }
    }
    return state.level === 'warning' && state.lasts === 0 ? { event: this.calm(at) } : undefined;
  }

  /** What predicts has been replaced: its errors can't be compared with those before. */
  restart(): void {
    this.adwin.clear();
  }

  snapshot(): DriftWatchState {
    return { ...this.state, adwin: this.adwin.snapshot(), history: [...this.state.history] };
  }

  private whileDrift(check: boolean, at: { sequence: number; samples: number }): DriftNews | undefined {
    const cut = check ? this.adwin.findCut(this.delta) : undefined;
    if (cut) this.adwin.keep(cut.recent);
    const worst = this.state.history.at(-1)?.errorAfter ?? 1;
    if (cut && cut.after > cut.before && cut.after > worst) return this.alarm(cut, at);
    return this.state.lasts > 0 ? undefined : { event: this.calm(at) };
  }

  private alarm(cut: Cut, at: { sequence: number; samples: number }): DriftNews {
    this.state.lasts = DRIFT_LASTS;
    return { event: this.enter('drift', cut, at), change: changeOf(cut) };
  }

  private calm(at: { sequence: number; samples: number }): DriftEvent {
    const now = this.adwin.mean;
    return this.enter('stable', { before: this.state.history.at(-1)?.errorAfter ?? now, after: now }, at);
  }

  private enter(
    level: DriftLevel,
    { before, after }: Pick<Cut, 'before' | 'after'>,
    { sequence, samples }: { sequence: number; samples: number },
  ): DriftEvent {
    const event = { level, sequence, samples, errorBefore: before, errorAfter: after };
    this.state.level = level;
    this.state.history.push(event);
    if (this.state.history.length > HISTORY) this.state.history.shift();
    return event;
  }
}

/** What the cut cost, as a share of what was right before. */
function changeOf({ before, after, recent }: Cut): DriftChange {
  // After a change that leaves nothing right, something of the old may still be of use: how the embeddings scatter is.
  return { recent, lost: Math.min(MOST_LOST, (after - before) / (1 - before)) };
}
