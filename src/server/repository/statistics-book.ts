import { ModelCounts, type RequestTimes } from './model-counts.js';

/** What a request ended with. */
export type RequestEnd =
  | ({ readonly kind: 'answered'; readonly images: number } & RequestTimes)
  | { readonly kind: 'failed' | 'cancelled'; readonly totalMs: number };

/** A head's counts end with its generation. */
interface HeadCounts {
  readonly generation: number;
  readonly counts: ModelCounts;
}

/** The counts of all models since the process started. Those of deleted heads are forgotten. */
export class StatisticsBook {
  private readonly backbones = new Map<string, ModelCounts>();
  private readonly heads = new Map<string, HeadCounts>();

  /** A batch that a backbone ran: of requests to it, to its heads, or of labelled images. */
  batch(backbone: string, images: number, computeMs: number): void {
    this.backbone(backbone).executed(images, computeMs);
  }

  /** A request that named a backbone: what it ran is counted batch by batch. */
  backboneRequest(name: string, end: RequestEnd): void {
    count(this.backbone(name), end);
  }

  /**
   * A request that named a head.
   * @param exists asked with the first request to a head, so that deleted ones do not pile up
   */
  headRequest(name: string, generation: number, end: RequestEnd, exists: (name: string) => boolean): void {
    if (!this.heads.has(name)) this.keepHeads(exists);
    const counts = this.head(name, generation);
    count(counts, end);
    if (end.kind === 'answered') counts.executed(end.images, end.computeMs);
  }

  backbone(name: string): ModelCounts {
    const known = this.backbones.get(name) ?? new ModelCounts();
    this.backbones.set(name, known);
    return known;
  }

  head(name: string, generation: number): ModelCounts {
    const known = this.heads.get(name);
    if (known?.generation === generation) return known.counts;
    const counts = new ModelCounts();
    this.heads.set(name, { generation, counts });
    return counts;
  }

  /** Forgets heads that are gone. */
  keepHeads(exists: (name: string) => boolean): void {
    for (const name of this.heads.keys()) if (!exists(name)) this.heads.delete(name);
  }

  /** Heads that something is kept of. */
  get headCount(): number {
    return this.heads.size;
  }
}

function count(counts: ModelCounts, end: RequestEnd): void {
  if (end.kind === 'answered') counts.answered(end, Date.now());
  else counts.failed(end.totalMs, end.kind === 'cancelled', Date.now());
}
