import type { Images } from '../../engine/index.js';
import type { Priority } from './admission.js';
import type { BatchPart, Place, QueueEntry } from './fair-queue.js';
import type { HeapItem } from './heap.js';

export interface Embedded {
  /** [N, D] */
  readonly embeddings: Float32Array<ArrayBuffer>;
  /** From submission to the result, without the time computed. */
  readonly queueMs: number;
  /** Of all the batches that the request was part of. */
  readonly computeMs: number;
}

/** What a request brings when its images are there. */
export interface Submission {
  readonly client: string;
  readonly priority: Priority;
  readonly images: Images;
  /** That it takes of the queue. */
  readonly bytes: number;
  /** In the clock's `now`; Infinity: none. */
  readonly deadline: number;
  readonly onStart: (() => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A request in line, until it is answered. */
export class QueuedRequest implements QueueEntry, HeapItem {
  readonly count: number;
  readonly client: string;
  readonly deadline: number;
  heapIndex = -1;
  place: Place<QueuedRequest> | undefined;
  started = false;
  settled = false;
  /** Called once, when it is settled. */
  onSettled: (() => void) | undefined;
  private missing: number;
  private computeMs = 0;
  /** Made with the first result: while it waits, a request takes no more than its images. */
  private embeddings: Float32Array<ArrayBuffer> | undefined;

  constructor(
    readonly submission: Submission,
    private readonly arrivedAt: number,
    private readonly resolve: (result: Embedded) => void,
    private readonly reject: (error: unknown) => void,
  ) {
    this.count = submission.images.count;
    this.client = submission.client;
    this.deadline = submission.deadline;
    this.missing = this.count;
  }

  /** Bytes of the queue that `count` images from `from` on free when they leave; over all of them the sum is exact. */
  bytesOf(from: number, count: number): number {
    const until = (images: number) => Math.floor((this.submission.bytes * images) / this.count);
    return until(from + count) - until(from);
  }

  /** The rows of some of its images. @returns the milliseconds that it has waited, once these were the last ones */
  receive(rows: Float32Array, from: number, count: number, computeMs: number, now: number): number | undefined {
    if (this.settled) return undefined;
    const dimensions = rows.length / count;
    this.embeddings ??= new Float32Array(this.count * dimensions);
    this.embeddings.set(rows, from * dimensions);
    this.computeMs += computeMs;
    this.missing -= count;
    if (this.missing > 0) return undefined;
    const queueMs = Math.max(0, now - this.arrivedAt - this.computeMs);
    this.settle();
    this.resolve({ embeddings: this.embeddings, queueMs, computeMs: this.computeMs });
    return queueMs;
  }

  /** Does nothing once it is settled. */
  fail(error: unknown): void {
    if (this.settled) return;
    this.settle();
    this.reject(error);
  }

  private settle(): void {
    this.settled = true;
    this.onSettled?.();
  }
}

/** The part's images; of some of a request's a view, whose buffer the engine leaves to the others. */
export function imagesOf({ entry, from, count }: BatchPart<QueuedRequest>): Images {
  const { images } = entry.submission;
  if (count === images.count) return images;
  const perImage = images.data.length / images.count;
  const [first, end] = [from * perImage, (from + count) * perImage];
  return images.kind === 'pixels'
    ? { kind: 'pixels', count, data: images.data.subarray(first, end) }
    : { kind: 'input', count, data: images.data.subarray(first, end) };
}
