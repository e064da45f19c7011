import type { Priority } from './admission.js';

/** Why a request was not admitted. `deadline`: it can't be met; `size`: it would never fit. */
export const REFUSED_REASONS = ['images', 'bytes', 'client', 'size', 'deadline', 'draining'] as const;
export type RefusedReason = (typeof REFUSED_REASONS)[number];

/** Why an admitted request was not run, or not to its end. `failed`: the engine, or what its start asks for, did. */
export const DROPPED_REASONS = ['expired', 'cancelled', 'closed', 'failed'] as const;
export type DroppedReason = (typeof DROPPED_REASONS)[number];

type ByPriority = Readonly<Record<Priority, number>>;

/** What a batcher has done since it began. Live, and only ever growing. */
export interface BatcherCounts {
  /** Batches that the engine answered. */
  readonly batches: number;
  /** Images in them. */
  readonly images: ByPriority;
  /** Requests answered. */
  readonly requests: ByPriority;
  /** Nanoseconds that the engine computed; a mixed batch's time is divided by images. */
  readonly computeNs: ByPriority;
  /** Nanoseconds that answered requests spent waiting, summed over requests. */
  readonly queueNs: ByPriority;
  readonly refused: Readonly<Record<RefusedReason, number>>;
  readonly dropped: Readonly<Record<DroppedReason, number>>;
  /** Batches by the number of their images: as many entries as a batch can have images, at most. */
  readonly batchSizes: ReadonlyMap<number, { readonly batches: number; readonly computeNs: number }>;
}

/** Keeps the counts of one batcher. */
export class Counters implements BatcherCounts {
  batches = 0;
  readonly images = zeros();
  readonly requests = zeros();
  readonly computeNs = zeros();
  readonly queueNs = zeros();
  readonly refused = Object.fromEntries(REFUSED_REASONS.map((reason) => [reason, 0])) as Record<RefusedReason, number>;
  readonly dropped = Object.fromEntries(DROPPED_REASONS.map((reason) => [reason, 0])) as Record<DroppedReason, number>;
  readonly batchSizes = new Map<number, { batches: number; computeNs: number }>();

  batch(inference: number, learning: number, computeMs: number): void {
    const size = inference + learning;
    const computeNs = Math.round(computeMs * 1e6);
    this.batches++;
    this.images.inference += inference;
    this.images.learning += learning;
    const ofLearning = Math.round((computeNs * learning) / size);
    this.computeNs.inference += computeNs - ofLearning;
    this.computeNs.learning += ofLearning;
    const same = this.batchSizes.get(size);
    if (same === undefined) this.batchSizes.set(size, { batches: 1, computeNs });
    else {
      same.batches++;
      same.computeNs += computeNs;
    }
  }

  answered(priority: Priority, queueMs: number): void {
    this.requests[priority]++;
    this.queueNs[priority] += Math.round(queueMs * 1e6);
  }
}

function zeros(): Record<Priority, number> {
  return { inference: 0, learning: 0 };
}
