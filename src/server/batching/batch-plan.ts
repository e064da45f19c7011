// When the next batch is handed to the engine, and how much of it is inference and how much learning. Pure.
import type { SpeedEstimate } from './estimate.js';

/** What waits, in images. */
export interface Waiting {
  readonly inference: number;
  readonly learning: number;
}

/**
 * Learning's guaranteed part of the engine, as a balance of images (deficit counting, as in Shreedhar and Varghese's deficit round
 * robin, SIGCOMM 1995). While learning waits, each image that the engine runs earns `share` of an image; each image of learning costs
 * one. Images of a mixed batch take equally long, so a share of images is a share of time. What learning runs
 * while the engine is otherwise idle counts too: the guarantee adds to it only what is missing.
 */
export class LearningBalance {
  private balance = 0;

  constructor(
    private readonly share: number,
    private readonly batchSize: number,
  ) {}

  /** Whole images of learning that are owed. */
  get owed(): number {
    // Sums of tenths fall short of whole numbers by rounding.
    return Math.max(0, Math.floor(this.balance + 1e-9));
  }

  /** A batch was handed over; `waits`: learning had something in line before. */
  ran(inference: number, learning: number, waits: boolean): void {
    if (!waits) {
      // As an empty queue of deficit round robin: nothing is saved up for later.
      this.balance = Math.min(0, this.balance);
      return;
    }
    const earned = this.share * (inference + learning);
    const most = this.share * this.batchSize + 1;
    this.balance = Math.max(-this.batchSize, Math.min(most, this.balance + earned - learning));
  }
}

export interface BatchShares {
  readonly inference: number;
  readonly learning: number;
}

/**
 * The images of the next batch.
 *
 * - Inference first; learning gets the places that are owed to it, so inference is delayed by its guaranteed share and
 *   no more. Free places beside inference stay free otherwise: an image more in a batch makes all in it wait longer.
 * - Without inference in line, learning has the engine. As long as inference came lately (`quiet` false) its batches are no larger
 *   than pays for their fixed cost, for the next request waits until they end.
 */
export function shareBatch(
  waiting: Waiting,
  size: number,
  owed: number,
  quiet: boolean,
  speed: SpeedEstimate,
): BatchShares {
  if (waiting.inference === 0) {
    const most = quiet ? size : worthwhileBatch(speed, size);
    return { inference: 0, learning: Math.min(waiting.learning, most) };
  }
  const learning = Math.min(waiting.learning, owed, size);
  return { inference: Math.min(waiting.inference, size - learning), learning };
}

/** The smallest batch of which the fixed cost is no more than half. */
export function worthwhileBatch({ batchMs, imageMs }: SpeedEstimate, size: number): number {
  if (batchMs <= 0) return 1;
  return imageMs > 0 ? Math.min(size, Math.max(1, Math.ceil(batchMs / imageMs))) : size;
}

export interface HandOver {
  readonly now: number;
  readonly size: number;
  readonly waiting: Waiting;
  /** Batches that the engine has: running, or waiting behind the running one. */
  readonly batches: number;
  /** When the running batch is expected to end; undefined: nothing is known, or none runs. */
  readonly expectedEnd: number | undefined;
  /** How long before that a batch is handed over. */
  readonly marginMs: number;
  /** Since when the batch has been forming. */
  readonly formingSince: number;
  /** How long an idle engine waits for a batch to fill. */
  readonly waitMs: number;
  /** When the batch has to start for its first deadline to be met. */
  readonly startBy: number;
}

/** Batches that the engine has at once: one runs, one waits for it so that the engine never idles. */
export const MOST_BATCHES = 2;

/** The time at which the next batch is to be handed over; `now` or less: at once; undefined: when something changes. */
export function handOverAt(state: HandOver): number | undefined {
  const { now, size, waiting, batches, expectedEnd, marginMs, formingSince, waitMs, startBy } = state;
  const images = waiting.inference + waiting.learning;
  if (images === 0 || batches >= MOST_BATCHES) return undefined;
  if (batches === 0) return images >= size ? now : Math.min(formingSince + waitMs, startBy);
  // Learning alone is never handed over early: inference that comes meanwhile goes first.
  if (waiting.inference >= size) return now;
  return expectedEnd === undefined ? undefined : expectedEnd - marginMs;
}

/** A batch is handed over this long before the running one ends: enough for a timer that is late and a forecast that is off. */
export function handOverMargin(expectedMs: number, relativeDeviation: number): number {
  const most = Math.max(1, expectedMs / 4);
  return Math.min(most, 1 + 2 * relativeDeviation * expectedMs);
}
