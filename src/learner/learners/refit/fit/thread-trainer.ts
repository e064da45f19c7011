import { Worker } from 'node:worker_threads';
import type { FitJob, FitResult } from './fit-job.js';
import type { Trainer } from './trainer.js';
import type { TrainerReply, TrainerRequest } from './trainer-messages.js';

/** A job that has killed so many threads is given up. */
const ATTEMPTS = 3;
/** So many shorter jobs go before one, at most. */
const MOST_OVERTAKING = 8;

interface Waiting {
  readonly job: FitJob;
  /** Grows as its time does. */
  readonly effort: number;
  /** Jobs that came later and were done before. */
  overtaken: number;
  attempts: number;
  resolve(result: FitResult): void;
  reject(error: Error): void;
}

/**
 * Does refits in a thread of its own, one after the other, short ones first: any number of heads share it, and one with thousands of classes must not hold up
 * those with ten (nor be held up for ever). A thread that dies is replaced, and its job done again, with the same result. It does not keep the process alive while it has nothing to do.
 */
export class ThreadTrainer implements Trainer {
  private worker: Worker | undefined;
  /** The first is being done. */
  private readonly queue: Waiting[] = [];
  private lastId = 0;
  private terminated = false;

  /** @param workerUrl The thread's entry file; another one is for tests. */
  constructor(private readonly workerUrl: URL = new URL('./trainer-thread.js', import.meta.url)) {}

  /** Jobs that are waiting or being done. */
  get pending(): number {
    return this.queue.length;
  }

  /** The job is copied when its turn comes. @throws Error when it can't be done, or the trainer is terminated. */
  run(job: FitJob): Promise<FitResult> {
    if (this.terminated) return Promise.reject(new Error('the trainer was stopped'));
    return new Promise((resolve, reject) => {
      const effort = job.labels.length * job.classes * job.dimensions;
      this.queue.push({ job, effort, overtaken: 0, attempts: 0, resolve, reject });
      if (this.queue.length === 1) this.next();
    });
  }

  /** Starts the thread before the first job is there. */
  prepare(): void {
    if (this.terminated || this.worker !== undefined) return;
    this.worker = this.start();
    this.worker.unref();
  }

  /** Ends the thread; jobs that wait are rejected, and so is every later one. */
  async terminate(): Promise<void> {
    this.terminated = true;
    const { worker } = this;
    this.worker = undefined;
    for (const { reject } of this.queue.splice(0)) reject(new Error('the trainer was stopped'));
    await worker?.terminate();
  }

  private next(): void {
    this.chooseFirst();
    const first = this.queue[0];
    if (first === undefined) {
      this.worker?.unref();
      return;
    }
    first.attempts += 1;
    this.worker ??= this.start();
    this.worker.ref();
    this.lastId += 1;
    // Not moved: a thread that dies takes what it was given with it.
    this.worker.postMessage({ id: this.lastId, job: first.job } satisfies TrainerRequest);
  }

  /** Moves the job that is to be done next to the front; one that was begun stays there. */
  private chooseFirst(): void {
    const { queue } = this;
    if (queue.length === 0 || queue[0]!.attempts > 0) return;
    const waited = queue.findIndex(({ overtaken }) => overtaken >= MOST_OVERTAKING);
    const chosen =
      waited >= 0 ? waited : queue.reduce((best, { effort }, i) => (effort < queue[best]!.effort ? i : best), 0);
    for (const earlier of queue.slice(0, chosen)) earlier.overtaken += 1;
    queue.unshift(...queue.splice(chosen, 1));
  }

  private start(): Worker {
    // Node's own options (such as --input-type) are about the parent's entry file.
    const worker = new Worker(this.workerUrl, { name: 'headwater-refit', execArgv: [] });
    worker.on('message', (reply: TrainerReply) => this.settle(worker, reply));
    // An error is followed by the exit.
    let reason = '';
    worker.on('error', (error) => {
      reason = `: ${error.message}`;
    });
    worker.on('exit', (code) => this.died(worker, `exit status ${code}${reason}`));
    return worker;
  }

  private settle(worker: Worker, reply: TrainerReply): void {
    if (worker !== this.worker || reply.id !== this.lastId) return;
    const done = this.queue.shift();
    this.next();
    if ('result' in reply) done?.resolve(reply.result);
    else done?.reject(new Error(`a refit failed: ${reply.failure}`));
  }

  private died(worker: Worker, reason: string): void {
    if (worker !== this.worker) return;
    this.worker = undefined;
    const first = this.queue[0];
    if (first !== undefined && first.attempts >= ATTEMPTS) {
      this.queue.shift();
      const { labels, classes, dimensions } = first.job;
      const size = `${labels.length} samples, ${classes} classes of ${dimensions} dimensions`;
      // Not left out: a head's state must not depend on the memory that there was.
      first.reject(
        new Error(
          `a refit (${size}) ended the thread that did it ${ATTEMPTS} times (${reason}): give the process more memory, or let another process learn this head; it goes on where it was`,
        ),
      );
    }
    this.next();
  }
}
