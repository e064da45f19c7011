// When a request could be answered, if it were admitted now. Pure.
import type { SpeedEstimate } from './estimate.js';

/** Images in front of a request, its own included, by how they got there. */
export interface InFront {
  /** Milliseconds until the engine has done what it has. */
  readonly engineMs: number;
  /** Of its own kind (inference or learning), its own included. */
  readonly images: number;
  /** Of the other kind, in line. */
  readonly others: number;
  /** Part of the engine that the other kind is entitled to while both wait, 0 to 1. */
  readonly othersShare: number;
  /** Images of a batch as batches are now: the last one is likely to grow to it with those who come later. */
  readonly usualBatch: number;
}

/**
 * Milliseconds until the last of `images` is answered, by the measured speed and its usual error. 0 as long as nothing is
 * known.
 */
export function answeredIn(front: InFront, size: number, speed: SpeedEstimate): number {
  const { engineMs, images, others, othersShare, usualBatch } = front;
  // Of each batch the others take their share until none of them is left.
  const most = othersShare >= 1 ? others : (images * othersShare) / (1 - othersShare);
  const all = images + Math.min(others, most);
  const inLastBatch = all - size * (Math.ceil(all / size) - 1);
  const expectedMs = engineMs + speed.ofImages(all + Math.max(0, usualBatch - inLastBatch), size);
  return expectedMs * (1 + speed.relativeDeviation);
}

const LEAST_RETRY_MS = 10;
const MOST_RETRY_MS = 10_000;
/** As long as no batch has been timed. */
const UNKNOWN_RETRY_MS = 100;

/**
 * When to try again: once there is room for what was refused, or half of the queue has gone (in a place that is just free
 * somebody else stands by then). Each `refusal` gets another delay, within a quarter of it: those refused together do not come back
 * together.
 */
export function retryDelay(excess: number, depth: number, size: number, speed: SpeedEstimate, refusal: number): number {
  if (!speed.known) return UNKNOWN_RETRY_MS;
  const delay = speed.ofImages(Math.max(excess, Math.ceil(depth / 2)), size);
  // Multiples of the golden ratio spread evenly over an interval, however many there are.
  const spread = 0.75 + 0.5 * ((refusal * 0.618_033_988_75) % 1);
  return Math.round(Math.min(MOST_RETRY_MS, Math.max(LEAST_RETRY_MS, delay * spread)));
}
