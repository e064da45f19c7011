import { fit } from './fit.js';
import type { FitJob, FitResult } from './fit-job.js';

/** Does refits, somewhere. Which one it is decides nothing but who waits. */
export interface Trainer {
  /**
   * @param job must not change while it is done. Its arrays may be moved to a thread: they must not be used afterwards.
   * @returns the result itself where it is there at once
   */
  run(job: FitJob): FitResult | Promise<FitResult>;
  /** There will be jobs: what takes time to start may start now. */
  prepare?(): void;
}

/** Does them at once, in the calling thread: for replays and tests. */
export const inlineTrainer: Trainer = { run: (job) => fit(job) };
