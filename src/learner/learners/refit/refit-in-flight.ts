import type { FitJob, FitResult } from './fit/fit-job.js';
import type { Trainer } from './fit/trainer.js';
import type { FinishedRefit } from './refit-state.js';

/** A refit that started and is not installed. Classes may come and go meanwhile. */
export class RefitInFlight {
  private done: FitResult | undefined;
  private running: Promise<void> | undefined;

  private constructor(
    /** Samples learned when it started. */
    readonly startedAt: number,
    /** It is installed once so many are. */
    readonly dueAt: number,
    /** Where the classes that it knows are now, by their index then; -1: removed. */
    private readonly classes: number[],
  ) {}

  static start(job: FitJob, trainer: Trainer, startedAt: number, dueAt: number): RefitInFlight {
    const classes = Array.from({ length: job.classes }, (_, c) => c);
    const refit = new RefitInFlight(startedAt, dueAt, classes);
    const result = trainer.run(job);
    if (!(result instanceof Promise)) {
      refit.done = result;
      return refit;
    }
    refit.running = result.then((done) => {
      refit.done = done;
      refit.running = undefined;
    });
    // Whoever waits hears of a failure; nobody may, if the refit is given up first.
    refit.running.catch(() => {});
    return refit;
  }

  /** One that was done when its learner was saved. */
  static restore({ startedAt, dueAt, classes, result }: FinishedRefit): RefitInFlight {
    const refit = new RefitInFlight(startedAt, dueAt, [...classes]);
    refit.done = result;
    return refit;
  }

  /** undefined: it runs. */
  get result(): FitResult | undefined {
    return this.done;
  }

  /** Until there is a result; rejected when there will be none. */
  get promise(): Promise<void> | undefined {
    return this.running;
  }

  /** As data, once it is done. */
  get finished(): FinishedRefit | undefined {
    const { startedAt, dueAt, classes, result } = this;
    return result && { startedAt, dueAt, classes: [...classes], result };
  }

  /** A class of the learner goes: those after it move down by one. */
  removeClass(index: number): void {
    const { classes } = this;
    for (const [row, c] of classes.entries()) classes[row] = c === index ? -1 : c > index ? c - 1 : c;
  }

  /** The result's row for each class there is now; undefined: the class came later. */
  rowsOf(classCount: number): (number | undefined)[] {
    const rows = new Array<number | undefined>(classCount).fill(undefined);
    for (const [row, c] of this.classes.entries()) if (c >= 0) rows[c] = row;
    return rows;
  }
}
