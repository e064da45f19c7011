// What ModelStatistics tells of one model: sums, nothing else.

/** How often, and how long in all: nanoseconds, whole ones. */
export interface CountedDuration {
  readonly count: number;
  readonly ns: number;
}

/** Milliseconds that an answered request took: in all, and of that in each stage. */
export interface RequestTimes {
  readonly totalMs: number;
  readonly decodeMs: number;
  readonly queueMs: number;
  readonly computeMs: number;
}

/** Batches of more images than this share an entry with their neighbours: there can be no more than about 140 entries. */
const EXACT_SIZES = 128;

class Sum implements CountedDuration {
  count = 0;
  ns = 0;

  add(ms: number): void {
    this.count++;
    this.ns += Math.round(Math.max(0, ms) * 1e6);
  }
}

export class ModelCounts {
  /** From the request's arrival to its answer. */
  readonly success = new Sum();
  /** Requests that failed, but for those that were given up. */
  readonly failure = new Sum();
  /** Requests that their clients gave up. */
  readonly cancel = new Sum();
  /** Of answered requests, as the next three: these four sum up to `success`. */
  readonly queue = new Sum();
  readonly input = new Sum();
  readonly infer = new Sum();
  readonly output = new Sum();
  /** Images that were answered, or embedded. */
  images = 0;
  /** Batches, or evaluations of a head. */
  executions = 0;
  /** Unix time of the last request; 0: none yet. */
  lastAtMs = 0;
  private readonly bySize = new Map<number, Sum>();

  answered({ totalMs, decodeMs, queueMs, computeMs }: RequestTimes, atMs: number): void {
    this.lastAtMs = atMs;
    this.success.add(totalMs);
    this.input.add(decodeMs);
    this.queue.add(queueMs);
    this.infer.add(computeMs);
    this.output.add(totalMs - decodeMs - queueMs - computeMs);
  }

  failed(totalMs: number, cancelled: boolean, atMs: number): void {
    this.lastAtMs = atMs;
    (cancelled ? this.cancel : this.failure).add(totalMs);
  }

  /** So many images went through the model together. */
  executed(images: number, computeMs: number): void {
    this.images += images;
    this.executions++;
    const size = images <= EXACT_SIZES ? images : 2 ** Math.ceil(Math.log2(images));
    const sum = this.bySize.get(size) ?? new Sum();
    sum.add(computeMs);
    this.bySize.set(size, sum);
  }

  /** By batch size, in its order. */
  batches(): readonly { readonly size: number; readonly infer: CountedDuration }[] {
    return [...this.bySize].sort(([a], [b]) => a - b).map(([size, infer]) => ({ size, infer }));
  }
}
