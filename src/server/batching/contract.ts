// What the batcher asks of those who use it, and what they may ask of it.
import type { Images } from '../../engine/index.js';
import type { Priority } from './admission.js';
import type { Clock } from './clock.js';
import type { Counters } from './counts.js';
import type { Embedded } from './request.js';

export interface BatcherOptions {
  /** Images a batch, at most. */
  readonly size: number;
  /** How long an idle backbone waits for a batch to fill. */
  readonly waitMs: number;
  /** Images admitted and not yet in a batch, at most: those being decoded count. */
  readonly queueLimit: number;
  /** Bytes that they take, at most. Default: no bound. */
  readonly queueBytes?: number;
  /** Part of the queue that a client may hold alone, 0 to 1 (see Admission). Default: 1. */
  readonly clientShare?: number;
  /** Part of the engine and of the queue that learning is sure of, 0 to 1. Default: 0, what inference leaves. */
  readonly learningShare?: number;
  /** Told of each batch that ran. */
  readonly onBatch?: (images: number, computeMs: number) => void;
  /** Where it counts; default: its own. One that takes the place of another goes on with the other's. */
  readonly counters?: Counters;
  readonly clock?: Clock;
}

/** What asks for a place in the queue. */
export interface AdmitRequest {
  readonly images: number;
  /** What they take in memory while they wait. */
  readonly bytes: number;
  /** Whose they are: clients take turns, and none may fill the queue alone. */
  readonly client: string;
  /** `learning` (embedding labelled images) takes what inference leaves, and a guaranteed share. */
  readonly priority: Priority;
  /** Unix time; default: none. */
  readonly deadlineMs?: number | undefined;
  /** Milliseconds until the images are decoded, as far as is known; default: they are. */
  readonly readyInMs?: number | undefined;
  /** Aborted when the caller gave up: the request leaves the queue. */
  readonly signal?: AbortSignal | undefined;
}

export interface SubmitOptions {
  /** Called once, when the first of the images goes into a batch. What it throws fails the request, which is not run then. */
  readonly onStart?: () => void;
}

/** A place for N images. Ends with `submit` or `release`, whichever is first. */
export interface Permit {
  /** The images' memory is given away. @throws StatusError deadline_exceeded, cancelled, draining; EngineError. */
  submit(images: Images, options?: SubmitOptions): Promise<Embedded>;
  /** Gives the place back unused, as when the images can't be decoded. */
  release(): void;
}
