import type { HeadStatus } from '../../learner/index.js';

interface Seen {
  readonly generation: number;
  readonly count: number;
  /** Position in the log of the newest promotion that was counted. */
  readonly sequence: number;
}

/** More than there can be heads (limits.heads): beyond it are those that were deleted. */
const MAX_HEADS = 20_000;

/** Counts promotions. A head's statistics tell its last 20; those that a look at them finds new are added. */
export class PromotionCounts {
  /** Those looked at last are at the end. */
  private readonly heads = new Map<string, Seen>();

  /** Promotions of a head: at first those that it tells, from then on every new one too. */
  count({ definition, statistics }: HeadStatus): number {
    const { name, generation } = definition;
    const before = this.heads.get(name);
    const known = before?.generation === generation ? before : { generation, count: 0, sequence: 0 };
    const fresh = statistics.promotions.filter(({ sequence }) => sequence > known.sequence);
    const seen = {
      generation,
      count: known.count + fresh.length,
      sequence: fresh.reduce((newest, { sequence }) => Math.max(newest, sequence), known.sequence),
    };
    this.heads.delete(name);
    this.heads.set(name, seen);
    const [oldest] = this.heads.keys();
    if (this.heads.size > MAX_HEADS && oldest !== undefined) this.heads.delete(oldest);
    return seen.count;
  }
}
