// Stands in front of one backbone: admits requests, puts their images together, hands the embeddings back.
import type { Backbone, Images } from '../../engine/index.js';
import { StatusError } from '../errors.js';
import { Admission, type Ask, type Priority } from './admission.js';
import { Alarm } from './alarm.js';
import { handOverAt, handOverMargin, LearningBalance, shareBatch, type Waiting } from './batch-plan.js';
import { type Clock, systemClock } from './clock.js';
import type { AdmitRequest, BatcherOptions, Permit, SubmitOptions } from './contract.js';
import { type BatcherCounts, Counters, type DroppedReason } from './counts.js';
import { Deadlines } from './deadlines.js';
import { EngineLine } from './engine-line.js';
import { Entrance } from './entrance.js';
import { SpeedEstimate } from './estimate.js';
import { type BatchPart, FairQueue } from './fair-queue.js';
import { type Embedded, imagesOf, QueuedRequest, type Submission } from './request.js';

export type { AdmitRequest, BatcherOptions, Permit, SubmitOptions } from './contract.js';
export type { Embedded } from './request.js';

/** After so long without inference, learning uses full batches. */
const QUIET_MS = 1_000;
/** A timer that fires this much too early is on time. */
const TIMER_SLACK_MS = 0.25;

const LATE = 'not run: when its turn came, too little time was left until its deadline';

export class Batcher {
  private readonly lines = { inference: new FairQueue<QueuedRequest>(), learning: new FairQueue<QueuedRequest>() };
  private readonly admission: Admission;
  private readonly entrance: Entrance;
  private readonly balance: LearningBalance;
  private readonly speed = new SpeedEstimate();
  private readonly engine = new EngineLine(this.speed);
  private readonly deadlines: Deadlines<QueuedRequest>;
  private readonly counters: Counters;
  private readonly clock: Clock;
  private formingSince = 0;
  private lastInference = Number.NEGATIVE_INFINITY;
  /** When the next batch is due. */
  private readonly due: Alarm;
  private state: 'open' | 'draining' | 'closed' = 'open';
  private readonly drained: (() => void)[] = [];

  constructor(
    readonly backbone: Backbone,
    private readonly options: BatcherOptions,
  ) {
    const { size, queueLimit, queueBytes = Number.POSITIVE_INFINITY, clientShare = 1, learningShare = 0 } = options;
    this.clock = options.clock ?? systemClock;
    this.counters = options.counters ?? new Counters();
    this.admission = new Admission({
      images: queueLimit,
      bytes: queueBytes,
      clientShare,
      learningShare,
      batchSize: size,
    });
    const { lines, engine, speed, admission, counters } = this;
    this.entrance = new Entrance(backbone.name, { size, learningShare, lines, engine, speed, admission, counters });
    this.balance = new LearningBalance(learningShare, size);
    this.due = new Alarm(this.clock, () => this.pump());
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
  admit({ images, bytes, client, priority, deadlineMs, readyInMs = 0, signal }: AdmitRequest): Permit {
    if (this.state !== 'open') {
      this.counters.refused.draining++;
      throw this.stopping();
    }
    const { size } = this.backbone.image;
    // Decoded, an image takes its pixels, however small its file.
    const ask: Ask = { images, bytes: Math.max(bytes, images * size * size * 3), client, priority };
    const now = this.clock.now();
    const deadline = deadlineMs === undefined ? Number.POSITIVE_INFINITY : now + deadlineMs - this.clock.unix();
    this.entrance.check(ask, deadline - now, readyInMs, now);
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
    const ended = this.clock.now();
    this.speed.observe(count, Math.max(computeMs, ended - start));
  }

  /** Refuses what waits; what runs ends. */
  close(): void {
    this.state = 'closed';
    this.due.set(undefined);
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
      const soonestMs = this.speed.ofBatch(Math.min(size, waiting.inference + waiting.learning));
      const startBy = this.deadlines.earliest - soonestMs - handOverMargin(soonestMs, this.speed.relativeDeviation);
      const batches = engine.length;
      const at = handOverAt({
        ...{ now, size, waiting, batches, expectedEnd: engine.expectedEnd, marginMs, formingSince, waitMs, startBy },
      });
      if (at === undefined || at > now + TIMER_SLACK_MS) {
        this.due.set(at);
        return;
      }
      this.handOver(waiting, now);
    }
  }

  /** Cuts the next batch and gives it to the engine; nothing, if nobody in line wants to be run any more. */
  private handOver(waiting: Waiting, now: number): void {
    const { size } = this.options;
    const quiet = now - this.lastInference > QUIET_MS;
    const shares = shareBatch(waiting, size, this.balance.owed, quiet, this.speed);
    const expectedEnd = now + this.untilEnd(shares.inference + shares.learning, waiting, now);
    // An idle engine that can take all of them runs all: nobody loses a place to one that may be late, and it is measured anew.
    const all = this.engine.length === 0 && waiting.inference + waiting.learning <= size;
    const wanted = (request: QueuedRequest) => this.goesIntoBatch(request, now, all ? now : expectedEnd);
    const parts = this.lines.inference.take(shares.inference, wanted);
    const inference = imagesIn(parts);
    this.lines.learning.take(shares.learning, wanted, parts);
    const images = imagesIn(parts);
    if (images === 0) return;
    this.balance.ran(inference, images - inference, waiting.learning > 0);
    for (const { entry, from, count } of parts) this.free(entry.submission, count, entry.bytesOf(from, count));
    void this.run(parts, inference, images, now);
  }

  /**
   * Milliseconds until a batch that is handed over now ends. Forecasts have their error: when others are there to take the
   * place of one that may just be late, the batch is taken to be late; otherwise to be early, and that one is run.
   */
  private untilEnd(images: number, waiting: Waiting, now: number): number {
    const error = this.speed.relativeDeviation * (waiting.inference > this.options.size ? 1 : -1);
    return (this.engine.leftMs(now) + this.speed.ofBatch(images)) * (1 + error);
  }

  /** Whether a request still wants to be run; it is settled if not. */
  private goesIntoBatch(request: QueuedRequest, now: number, expectedEnd: number): boolean {
    // What its batches after this one take.
    const later = Math.max(0, request.count - request.place!.taken - this.options.size);
    const end = expectedEnd + this.speed.ofImages(later, this.options.size);
    if (request.deadline <= now) {
      this.expire(request);
      return false;
    }
    if (request.deadline < end) {
      this.drop(request, 'expired', new StatusError('deadline_exceeded', LATE));
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
