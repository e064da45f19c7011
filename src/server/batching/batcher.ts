// Stands in front of one backbone: admits requests, puts their images together, hands the embeddings back.
import type { Backbone, Images } from '../../engine/index.js';
import { StatusError } from '../errors.js';
import { Admission, type Ask, type Priority, type Refusal } from './admission.js';
import { handOverAt, handOverMargin, LearningBalance, shareBatch, type Waiting } from './batch-plan.js';
import { type Clock, systemClock } from './clock.js';
import { type BatcherCounts, Counters, type DroppedReason, type RefusedReason } from './counts.js';
import { Deadlines } from './deadlines.js';
import { EngineLine } from './engine-line.js';
import { SpeedEstimate } from './estimate.js';
import { type BatchPart, FairQueue } from './fair-queue.js';
import { answeredIn, retryDelay } from './outlook.js';
import { type Embedded, imagesOf, QueuedRequest, type Submission } from './request.js';

export type { Embedded } from './request.js';

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

/** After so long without inference, learning uses full batches. */
const QUIET_MS = 1_000;
/** What was measured so long ago does not refuse a request while the engine is idle: it is run, and measures anew. */
const STALE_MS = 1_000;
/** A timer that fires this much too early is on time. */
const TIMER_SLACK_MS = 0.25;

export class Batcher {
  private readonly lines = { inference: new FairQueue<QueuedRequest>(), learning: new FairQueue<QueuedRequest>() };
  private readonly admission: Admission;
  private readonly balance: LearningBalance;
  private readonly speed = new SpeedEstimate();
  private readonly engine = new EngineLine(this.speed);
  private readonly deadlines: Deadlines<QueuedRequest>;
  private readonly counters = new Counters();
  private readonly clock: Clock;
  private readonly learningShare: number;
  private formingSince = 0;
  private lastInference = Number.NEGATIVE_INFINITY;
  private lastObserved = Number.NEGATIVE_INFINITY;
  private wakeTime: number | undefined;
  private cancelWake: (() => void) | undefined;
  private state: 'open' | 'draining' | 'closed' = 'open';
  private readonly drained: (() => void)[] = [];

  constructor(
    readonly backbone: Backbone,
    private readonly options: BatcherOptions,
  ) {
    const { size, queueLimit, queueBytes = Number.POSITIVE_INFINITY, clientShare = 1, learningShare = 0 } = options;
    this.learningShare = learningShare;
    this.clock = options.clock ?? systemClock;
    this.admission = new Admission({
      images: queueLimit,
      bytes: queueBytes,
      clientShare,
      learningShare,
      batchSize: size,
    });
    this.balance = new LearningBalance(learningShare, size);
    this.deadlines = new Deadlines(this.clock, (request) => this.expire(request));
  }

  /** Images admitted that are in no batch yet. */
  get depth(): number {
    return this.admission.images;
  }

  /** Images that can be admitted. */
  get limit(): number {
    return this.options.queueLimit;
  }

  /** Images of the largest inference request that is ever admitted. */
  get largestRequest(): number {
    return this.admission.largestRequest;
  }

  /** Bytes of the images admitted that are in no batch yet. */
  get bytes(): number {
    return this.admission.bytes;
  }

  get bytesLimit(): number {
    return this.options.queueBytes ?? Number.POSITIVE_INFINITY;
  }

  /** What it has done since it began. */
  get counts(): BatcherCounts {
    return this.counters;
  }

  /** Images admitted of one kind that are in no batch yet. */
  depthOf(priority: Priority): number {
    return this.admission.imagesOf(priority);
  }

  /** Milliseconds that so many images take, by what was measured; undefined as long as nothing was. */
  expectedMs(images: number): number | undefined {
    return this.speed.known ? this.speed.ofImages(images, this.options.size) : undefined;
  }

  /**
   * Asks for a place before any work is done for a request.
   * @throws StatusError queue_full with the time until there may be room; message_too_large when there never is;
   *   deadline_exceeded when it can't be met; draining.
   */
  admit({ images, bytes, client, priority, deadlineMs, signal }: AdmitRequest): Permit {
    if (this.state !== 'open') throw this.refuse('draining', this.stopping());
    const { size } = this.backbone.image;
    // Decoded, an image takes its pixels, however small its file.
    const ask: Ask = { images, bytes: Math.max(bytes, images * size * size * 3), client, priority };
    const refusal = this.admission.refusal(ask);
    if (refusal !== undefined) throw this.full(ask, refusal);
    const now = this.clock.now();
    const deadline = deadlineMs === undefined ? Number.POSITIVE_INFINITY : now + deadlineMs - this.clock.unix();
    if (deadline !== Number.POSITIVE_INFINITY) this.checkDeadline(ask, deadline - now, now);
    this.admission.take(ask);
    if (priority === 'inference') this.lastInference = now;
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      this.free(ask, images, ask.bytes);
    };
    const submit = (given: Images, { onStart }: SubmitOptions = {}): Promise<Embedded> => {
      if (!held) return Promise.reject(new Error('the permit was used already'));
      if (given.count !== images)
        return Promise.reject(new Error(`the permit is for ${images} images, not ${given.count}`));
      held = false;
      return this.enqueue({ client, priority, images: given, bytes: ask.bytes, deadline, onStart, signal });
    };
    return { release, submit };
  }

  /**
   * Runs black images past the queue, before there are requests: memory is touched, and the speed measured that deadlines are judged by.
   * @throws EngineError
   */
  async warmUp(count: number): Promise<void> {
    const { size } = this.backbone.image;
    const data = new Uint8Array(count * size * size * 3);
    const start = this.clock.now();
    const { computeMs } = await this.backbone.embed([{ kind: 'pixels', count, data }]);
    this.lastObserved = this.clock.now();
    this.speed.observe(count, Math.max(computeMs, this.lastObserved - start));
  }

  /** Refuses what waits; what runs ends. */
  close(): void {
    this.state = 'closed';
    this.wakeAt(undefined);
    for (const line of [this.lines.inference, this.lines.learning]) {
      for (const request of [...line.entries()]) this.drop(request, 'closed', this.stopping());
    }
    this.deadlines.close();
    this.settleDrain();
  }

  /** Takes nothing new. @returns once everything that was admitted is answered */
  drain(): Promise<void> {
    if (this.state === 'open') this.state = 'draining';
    return new Promise((resolve) => {
      this.drained.push(resolve);
      this.settleDrain();
    });
  }

  private settleDrain(): void {
    if (this.state === 'open' || this.depth > 0 || this.engine.length > 0) return;
    for (const resolve of this.drained.splice(0)) resolve();
  }

  private stopping(): StatusError {
    return new StatusError('draining', `backbone ${this.backbone.name}: it is stopping`);
  }

  private refuse(reason: RefusedReason, error: StatusError): StatusError {
    this.counters.refused[reason]++;
    return error;
  }

  private full(ask: Ask, { reason, text, excess }: Refusal): StatusError {
    const { name } = this.backbone;
    const never = this.admission.tooLarge(ask);
    if (never !== undefined) {
      return this.refuse(
        'size',
        new StatusError('message_too_large', `backbone ${name}: ${never}; send fewer at once`),
      );
    }
    const refusals = this.counters.refused[reason];
    const retryDelayMs = retryDelay(excess, this.depth, this.options.size, this.speed, refusals);
    return this.refuse(
      reason,
      new StatusError('queue_full', `backbone ${name}: ${text}; try again later`, { retryDelayMs }),
    );
  }

  /** @throws StatusError deadline_exceeded when what is in front of these images and they themselves take longer. */
  private checkDeadline(ask: Ask, leftMs: number, now: number): void {
    const idle = this.engine.length === 0 && this.depth === 0;
    if (idle && leftMs > 0 && now - this.lastObserved > STALE_MS) return;
    // All that is held is an upper bound; only when that is too long, the turns are counted.
    let needsMs = this.answeredIn(ask, this.depthOf(ask.priority), now);
    if (leftMs > 0 && needsMs <= leftMs) return;
    needsMs = this.answeredIn(ask, this.imagesBefore(ask), now);
    if (leftMs > 0 && needsMs <= leftMs) return;
    const work = `what is in front of it and its own ${ask.images} images take about ${Math.ceil(needsMs)} ms`;
    const left = `the deadline is in ${Math.max(0, Math.floor(leftMs))} ms`;
    const message = `backbone ${this.backbone.name}: not run: ${work}, ${left}`;
    throw this.refuse('deadline', new StatusError('deadline_exceeded', message));
  }

  private answeredIn({ images, priority }: Ask, before: number, now: number): number {
    const other = priority === 'inference' ? 'learning' : 'inference';
    const othersShare = priority === 'inference' ? this.learningShare : 1 - this.learningShare;
    const front = {
      engineMs: this.engine.leftMs(now),
      images: before + images,
      others: this.depthOf(other),
      othersShare,
    };
    return answeredIn(front, this.options.size, this.speed);
  }

  /** Images of the same kind that go before the last of these. Those still being decoded count as in line. */
  private imagesBefore({ images, client, priority }: Ask): number {
    const line = this.lines[priority];
    const reserved = this.depthOf(priority) - line.depth;
    if (priority === 'learning') return this.depthOf(priority);
    const own = this.admission.imagesHeldBy(client);
    const othersReserved = reserved - (own - line.imagesOf(client));
    // Of each other client no more than of this one.
    const theirs = Math.min(othersReserved, (own + images) * Math.max(0, this.admission.clients - (own > 0 ? 1 : 0)));
    return own + theirs + line.ahead(client, own, images);
  }

  private enqueue(submission: Submission): Promise<Embedded> {
    return new Promise((resolve, reject) => {
      const { priority, signal } = submission;
      const now = this.clock.now();
      const request = new QueuedRequest(submission, now, resolve, reject);
      if (this.lines.inference.depth + this.lines.learning.depth === 0) this.formingSince = now;
      request.place = this.lines[priority].push(request);
      if (this.state === 'closed') return this.drop(request, 'closed', this.stopping());
      if (signal?.aborted) return this.cancel(request);
      if (request.deadline <= now) return this.expire(request);
      this.deadlines.add(request);
      const cancel = signal && (() => this.cancel(request));
      if (cancel) signal.addEventListener('abort', cancel, { once: true });
      request.onSettled = () => {
        this.deadlines.remove(request);
        if (cancel) signal.removeEventListener('abort', cancel);
      };
      this.pump();
    });
  }

  private cancel(request: QueuedRequest): void {
    this.drop(request, 'cancelled', new StatusError('cancelled', 'cancelled by the client'));
  }

  private expire(request: QueuedRequest): void {
    const message = request.started
      ? 'the deadline passed before all images of the request had been run'
      : 'the deadline passed while the request waited; it was not run';
    this.drop(request, 'expired', new StatusError('deadline_exceeded', message));
  }

  /** Out of the line, and answered with `error`. */
  private drop(request: QueuedRequest, reason: DroppedReason, error: unknown): void {
    const { place, submission } = request;
    const from = place?.taken ?? 0;
    const left = place === undefined ? 0 : this.lines[submission.priority].remove(place);
    if (!request.settled) this.counters.dropped[reason]++;
    request.fail(error);
    if (left > 0) this.free(submission, left, request.bytesOf(from, left));
  }

  private free({ client, priority }: Pick<Ask, 'client' | 'priority'>, images: number, bytes: number): void {
    this.admission.give({ client, priority, images, bytes });
    if (this.state !== 'open') this.settleDrain();
  }

  private get waiting(): Waiting {
    return { inference: this.lines.inference.depth, learning: this.lines.learning.depth };
  }

  /** Hands over what is due, and sees to it that it is called when the next batch will be. */
  private pump(): void {
    for (;;) {
      const now = this.clock.now();
      const { engine, formingSince, waiting } = this;
      const { size, waitMs } = this.options;
      const marginMs = handOverMargin(engine.expectedMs, this.speed.relativeDeviation);
      const batches = engine.length;
      const at = handOverAt({
        ...{ now, size, waiting, batches, expectedEnd: engine.expectedEnd, marginMs, formingSince, waitMs },
      });
      if (at === undefined || at > now + TIMER_SLACK_MS) {
        this.wakeAt(at);
        return;
      }
      this.handOver(waiting, now);
    }
  }

  private wakeAt(time: number | undefined): void {
    if (time === this.wakeTime) return;
    this.cancelWake?.();
    this.wakeTime = time;
    this.cancelWake =
      time === undefined
        ? undefined
        : this.clock.after(time - this.clock.now(), () => {
            this.wakeTime = undefined;
            this.pump();
          });
  }

  /** Cuts the next batch and gives it to the engine; nothing, if nobody in line wants to be run any more. */
  private handOver(waiting: Waiting, now: number): void {
    const { size } = this.options;
    const quiet = now - this.lastInference > QUIET_MS;
    const shares = shareBatch(waiting, size, this.balance.owed, quiet, this.speed);
    const expectedEnd = now + this.engine.leftMs(now) + this.speed.ofBatch(shares.inference + shares.learning);
    const wanted = (request: QueuedRequest) => this.goesIntoBatch(request, now, expectedEnd);
    const parts = this.lines.inference.take(shares.inference, wanted);
    const inference = imagesIn(parts);
    this.lines.learning.take(shares.learning, wanted, parts);
    const images = imagesIn(parts);
    if (images === 0) return;
    this.balance.ran(inference, images - inference, waiting.learning > 0);
    for (const { entry, from, count } of parts) this.free(entry.submission, count, entry.bytesOf(from, count));
    void this.run(parts, inference, images, now);
  }

  /** Whether a request still wants to be run, and can be in time; it is settled if not. */
  private goesIntoBatch(request: QueuedRequest, now: number, expectedEnd: number): boolean {
    // What may just be in time is run: the forecast has its error.
    const surelyLate = now + (expectedEnd - now) * (1 - this.speed.relativeDeviation);
    const fresh = now - this.lastObserved <= STALE_MS;
    if (request.deadline <= now || (fresh && request.deadline < surelyLate)) {
      this.expire(request);
      return false;
    }
    if (request.started) return true;
    try {
      request.submission.onStart?.();
    } catch (error) {
      this.drop(request, 'failed', error);
      return false;
    }
    request.started = true;
    return true;
  }

  private async run(parts: readonly BatchPart<QueuedRequest>[], inference: number, images: number, now: number) {
    const batch = this.engine.add(images, now);
    try {
      const { embeddings, computeMs } = await this.backbone.embed(parts.map(imagesOf));
      const ended = this.clock.now();
      this.speed.observe(images, Math.max(computeMs, this.engine.end(batch, ended)));
      this.lastObserved = ended;
      this.counters.batch(inference, images - inference, computeMs);
      this.options.onBatch?.(images, computeMs);
      // The engine first: it would idle, those who wait for their answer only wait.
      this.pump();
      this.distribute(parts, embeddings, computeMs, ended);
    } catch (error) {
      this.engine.end(batch, this.clock.now());
      for (const { entry } of parts) this.drop(entry, 'failed', error);
      this.pump();
    }
    if (this.state !== 'open') this.settleDrain();
  }

  private distribute(
    parts: readonly BatchPart<QueuedRequest>[],
    embeddings: Float32Array,
    computeMs: number,
    now: number,
  ): void {
    const { dimensions } = this.backbone;
    let row = 0;
    for (const { entry, from, count } of parts) {
      const rows = embeddings.subarray(row * dimensions, (row + count) * dimensions);
      row += count;
      const queueMs = entry.receive(rows, from, count, computeMs, now);
      if (queueMs !== undefined) this.counters.answered(entry.submission.priority, queueMs);
    }
    if (inferenceIn(parts)) this.lastInference = now;
  }
}

function imagesIn(parts: readonly BatchPart<QueuedRequest>[]): number {
  let sum = 0;
  for (const { count } of parts) sum += count;
  return sum;
}

function inferenceIn(parts: readonly BatchPart<QueuedRequest>[]): boolean {
  return parts[0]?.entry.submission.priority === 'inference';
}
