import { LearnerError } from '../types.js';
import { HeadFold, type SkipReason } from './head-fold.js';
import type { Calls, FoldResult, Method } from './protocol.js';

/** The open folds by head name, and what can be asked of them. It runs in the worker thread, and knows nothing of threads. */
export class FoldHost {
  private readonly folds = new Map<string, HeadFold>();

  /** @throws LearnerError: the call failed, and every other head is as it was. */
  call(method: Method, given: Calls[Method]['arguments']): Calls[Method]['result'] {
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
    const fold = state === null ? new HeadFold(definition) : HeadFold.restore(definition, state);
    this.folds.set(definition.name, fold);
    return { statistics: fold.statistics(), sequence: fold.sequence };
  }

  private fold({ name, entries }: Calls['fold']['arguments']): FoldResult {
    const fold = this.must(name);
    const skipped: Partial<Record<SkipReason, number>> = {};
    let folded = 0;
    let repeated = 0;
    for (const { bytes, sequence } of entries) {
      const outcome = fold.fold(bytes, sequence);
      if (outcome.kind === 'learned') folded += 1;
      else if (outcome.kind === 'repeated') repeated += 1;
      else skipped[outcome.reason] = (skipped[outcome.reason] ?? 0) + 1;
    }
    return { statistics: fold.statistics(), folded, repeated, skipped, lastSequence: fold.sequence };
  }

  private snapshot({ name }: Calls['snapshot']['arguments']): Calls['snapshot']['result'] {
    const fold = this.must(name);
    return { ...fold.snapshot(), statistics: fold.statistics(), sequence: fold.sequence };
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
