import { KeyedQueue } from '../tasks/keyed-queue.js';
import { LearnerError } from '../types.js';
import { type FoldOptions, type FoldOutcome, HeadFold } from './head-fold.js';
import type { Calls, FoldResult, Method } from './protocol.js';

/** A head with many entries lets the others have a turn so often. */
const TURN_MS = 10;

/**
 * The open folds by head name, and what can be asked of them. It runs in the worker thread, and knows nothing of threads. Calls for one head run one after the
 * other; while one waits for a refit, those for other heads go on.
 */
export class FoldHost {
  private readonly folds = new Map<string, HeadFold>();
  private readonly queue = new KeyedQueue();

  constructor(private readonly options: FoldOptions = {}) {}

  /** @throws LearnerError: the call failed, and every other head is as it was. */
  call<M extends Method>(method: M, given: Calls[M]['arguments']): Promise<Calls[M]['result']> {
    const name = 'definition' in given ? given.definition.name : given.name;
    return this.queue.run<Calls[Method]['result']>(name, () => this.answer(method, given)) as Promise<
      Calls[M]['result']
    >;
  }

  private async answer(method: Method, given: Calls[Method]['arguments']): Promise<Calls[Method]['result']> {
    switch (method) {
      case 'open':
        return this.open(given as Calls['open']['arguments']);
      case 'fold':
        return this.fold(given as Calls['fold']['arguments']);
      case 'snapshot':
        return this.snapshot(given as Calls['snapshot']['arguments']);
      case 'close':
        this.folds.delete((given as Calls['close']['arguments']).name);
        return null;
    }
  }

  /** A head that is open already is opened anew. */
  private open({ definition, state }: Calls['open']['arguments']): Calls['open']['result'] {
    this.folds.delete(definition.name);
    const { options } = this;
    const fold = state === null ? new HeadFold(definition, options) : HeadFold.restore(definition, state, options);
    this.folds.set(definition.name, fold);
    return { statistics: fold.statistics(), sequence: fold.sequence };
  }

  private async fold({ name, entries }: Calls['fold']['arguments']): Promise<FoldResult> {
    const fold = this.must(name);
    const tally = new Tally();
    let turnAt = performance.now() + TURN_MS;
    for (const { bytes, sequence, attachment } of entries) {
      // Other heads get their turn; and a refit that is done may be waiting to be heard of.
      if (performance.now() > turnAt || fold.waitsFor()) {
        await eventLoopTurn();
        turnAt = performance.now() + TURN_MS;
      }
      const due = fold.waitsFor();
      if (due) await tally.wait(due);
      tally.add(fold.fold(bytes, sequence, attachment), sequence);
    }
    return { ...tally.result, statistics: fold.statistics(), lastSequence: fold.sequence };
  }

  private async snapshot({ name, state: wish }: Calls['snapshot']['arguments']): Promise<Calls['snapshot']['result']> {
    const fold = this.must(name);
    await (wish === 'settled' ? fold.settled() : fold.waitsFor());
    const state = wish === 'no' || fold.settled() ? null : fold.stateBytes();
    return { model: fold.modelBytes(), state, statistics: fold.statistics(), sequence: fold.sequence };
  }

  private must(name: string): HeadFold {
    const fold = this.folds.get(name);
    if (fold) return fold;
    throw new LearnerError(
      'head_unavailable',
      `head '${name}' is not open for learning: open it from its last snapshot first`,
    );
  }
}

function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Counts what becomes of a call's entries. */
class Tally {
  readonly result = {
    folded: 0,
    repeated: 0,
    skipped: {} as Writable<FoldResult['skipped']>,
    acts: [] as FoldResult['acts'][number][],
    promotions: [] as FoldResult['promotions'][number][],
    drift: [] as FoldResult['drift'][number][],
    waits: { count: 0, seconds: 0 },
  };

  /** Waiting is time, so it is counted here and not in the fold. */
  async wait(due: Promise<void>): Promise<void> {
    const from = performance.now();
    await due;
    this.result.waits.count += 1;
    this.result.waits.seconds += (performance.now() - from) / 1000;
  }

  add(outcome: FoldOutcome, sequence: number): void {
    const { result } = this;
    if (outcome.kind === 'learned') result.folded += 1;
    else if (outcome.kind === 'repeated') result.repeated += 1;
    else if (outcome.kind === 'skipped') result.skipped[outcome.reason] = (result.skipped[outcome.reason] ?? 0) + 1;
    else if (outcome.kind === 'acted') result.acts.push({ sequence, act: outcome.act });
    else result.acts.push({ sequence, act: outcome.act, skipped: outcome.reason });
    if ('promotion' in outcome && outcome.promotion) result.promotions.push(outcome.promotion);
    if ('drift' in outcome && outcome.drift) result.drift.push(outcome.drift);
  }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };
