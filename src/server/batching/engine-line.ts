import type { SpeedEstimate } from './estimate.js';

/** A batch that the engine has. */
export interface Batch {
  readonly images: number;
}

/** The batches that the engine has, in order: the first one runs, the others wait for it. No clock: times are told. */
export class EngineLine {
  private readonly batches: Batch[] = [];
  private runningSince = 0;

  constructor(private readonly speed: SpeedEstimate) {}

  get length(): number {
    return this.batches.length;
  }

  add(images: number, now: number): Batch {
    const batch = { images };
    this.batches.push(batch);
    if (this.batches.length === 1) this.runningSince = now;
    return batch;
  }

  /**
   * The batch is done, well or badly; said twice, it counts once.
   * @returns how long the engine had it: from its hand-over, or from the end of the one before it if that was later
   */
  end(batch: Batch, now: number): number {
    const index = this.batches.indexOf(batch);
    if (index < 0) return 0;
    this.batches.splice(index, 1);
    const tookMs = now - this.runningSince;
    if (index === 0) this.runningSince = now;
    return tookMs;
  }

  /** Images of the largest batch that it has. */
  get largest(): number {
    let most = 0;
    for (const { images } of this.batches) most = Math.max(most, images);
    return most;
  }

  /** How long the running batch is expected to take in all; 0: none runs, or nothing is known. */
  get expectedMs(): number {
    return this.speed.ofBatch(this.batches[0]?.images ?? 0);
  }

  /** When the running batch is expected to end; undefined: none runs, or nothing is known. */
  get expectedEnd(): number | undefined {
    const { expectedMs } = this;
    return expectedMs === 0 ? undefined : this.runningSince + expectedMs;
  }

  /** Milliseconds until all that it has is expected to be done. */
  leftMs(now: number): number {
    let sum = 0;
    for (const { images } of this.batches) sum += this.speed.ofBatch(images);
    return sum - Math.min(this.expectedMs, now - this.runningSince);
  }
}
