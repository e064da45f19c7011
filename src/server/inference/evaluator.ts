// Evaluates heads on the event loop, for all requests together: a slice of each of its turns, and no more.
import type { HeadModel } from '../../learner/index.js';
import { Admission } from '../batching/admission.js';
import { systemClock } from '../batching/clock.js';
import { Deadlines } from '../batching/deadlines.js';
import type { HeapItem } from '../batching/heap.js';
import { TurnTaking } from '../batching/turn-taking.js';
import { StatusError } from '../errors.js';
import { type Classify, Evaluation, type HeadAnswers, untaught } from './evaluate.js';

/** Longest stretch of one turn of the event loop that all evaluations together take (an image more), in milliseconds. */
const SLICE_MS = 4;

export interface EvaluatorOptions {
  readonly classify: Classify;
  /** Bytes of embeddings that wait for their heads, at most: of requests that bring them. */
  readonly bytes: number;
  /** Part of that which one client may hold when it is alone, 0 to 1. */
  readonly clientShare: number;
}

/** Whose evaluation it is, and until when it is wanted. */
export interface Wanted {
  readonly client: string;
  /** Unix time; Infinity: none. */
  readonly deadlineMs: number;
  /** Aborted when the caller gave up. */
  readonly signal: AbortSignal;
}

interface Job extends HeapItem {
  readonly client: string;
  readonly evaluation: Evaluation;
  readonly deadline: number;
  settle(end: { answers: HeadAnswers } | { error: unknown }): void;
}

/**
 * Clients take turns by images. What is cancelled or late is not evaluated any further. Images that went through a backbone were
 * admitted by its queue; embeddings that a request brings itself ask for a place here.
 */
export class Evaluator {
  private readonly jobs = new TurnTaking<Job>();
  private readonly deadlines = new Deadlines<Job>(systemClock, (job) => job.settle({ error: late() }));
  private readonly admission: Admission;
  /** Milliseconds that are left of this turn of the event loop; undefined: nothing ran in it yet. */
  private left: number | undefined;

  constructor(private readonly options: EvaluatorOptions) {
    const { bytes, clientShare } = options;
    // Not by number: an embedding takes a thousandth of an image's time, and bytes are what they take of memory.
    this.admission = new Admission({
      ...{ images: Number.POSITIVE_INFINITY, bytes, clientShare },
      ...{ learningShare: 0, batchSize: 1 },
    });
  }

  /** Embeddings that hold a place. */
  get depth(): number {
    return this.admission.images;
  }

  /**
   * A place for the embeddings of a request.
   * @returns what gives it back
   * @throws StatusError queue_full, message_too_large, deadline_exceeded
   */
  admit(images: number, bytes: number, { client, deadlineMs }: Wanted): () => void {
    if (deadlineMs <= Date.now()) throw late();
    const ask = { images, bytes, client, priority: 'inference' } as const;
    const never = this.admission.tooLarge(ask);
    if (never !== undefined) throw new StatusError('message_too_large', `embeddings: ${never}; send fewer at once`);
    const refusal = this.admission.refusal(ask);
    if (refusal !== undefined) throw new StatusError('queue_full', `embeddings: ${refusal.text}; try again later`);
    this.admission.take(ask);
    let held = true;
    return () => {
      if (held) this.admission.give(ask);
      held = false;
    };
  }

  /**
   * Classifies N embeddings.
   * @param model null: nothing has been learned.
   * @param embeddings [N, D]
   * @throws StatusError cancelled, deadline_exceeded
   */
  evaluate(model: HeadModel | null, embeddings: Float32Array, count: number, wanted: Wanted): Promise<HeadAnswers> {
    if (model === null) return Promise.resolve(untaught(count));
    const { client, signal, deadlineMs } = wanted;
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(cancelled());
      if (deadlineMs <= Date.now()) return reject(late());
      const evaluation = new Evaluation(model, embeddings, count, this.options.classify);
      const cancel = () => job.settle({ error: cancelled() });
      const deadline = deadlineMs - Date.now() + systemClock.now();
      const job: Job = {
        ...{ client, evaluation, deadline, heapIndex: -1 },
        settle: (end) => {
          this.jobs.remove(job);
          this.deadlines.remove(job);
          signal.removeEventListener('abort', cancel);
          if ('answers' in end) resolve(end.answers);
          else reject(end.error);
        },
      };
      signal.addEventListener('abort', cancel, { once: true });
      this.jobs.add(job);
      this.deadlines.add(job);
      this.run();
    });
  }

  /** Goes on for what is left of the slice. */
  private run(): void {
    if (this.jobs.empty) return;
    if (this.left === undefined) {
      this.left = SLICE_MS;
      setImmediate(() => {
        // Input and output had their turn.
        this.left = undefined;
        this.run();
      });
    }
    let began = performance.now();
    for (let job = this.left > 0 ? this.jobs.next() : undefined; job !== undefined; job = this.jobs.next()) {
      this.step(job);
      const now = performance.now();
      this.left -= now - began;
      began = now;
      if (this.left <= 0) return;
    }
  }

  private step(job: Job): void {
    if (job.deadline <= systemClock.now()) {
      job.settle({ error: late() });
      return;
    }
    try {
      const answers = job.evaluation.step();
      if (answers !== undefined) job.settle({ answers });
    } catch (error) {
      job.settle({ error });
    }
  }
}

const cancelled = () => new StatusError('cancelled', 'cancelled before all heads had answered');
const late = () => new StatusError('deadline_exceeded', 'the deadline passed before all heads had answered');
