// Stands in front of one backbone: admits requests, puts their images together, hands the embeddings back.
import type { Backbone, Images } from '../../engine/index.js';
import { StatusError } from '../errors.js';
import { SpeedEstimate } from './estimate.js';
import { type BatchPart, ImageQueue } from './queue.js';

export interface BatcherOptions {
  /** Images a batch, at most. */
  readonly size: number;
  /** How long an idle backbone waits for a batch to fill. */
  readonly waitMs: number;
  /** Images admitted and not yet in a batch, at most: those being decoded count. */
  readonly queueLimit: number;
  /** Told of each batch that ran. */
  readonly onBatch?: (images: number, computeMs: number) => void;
}

/** What asks for a place in the queue. */
export interface AdmitRequest {
  readonly images: number;
  /** What they take in memory while they wait. */
  readonly bytes: number;
  /** Whose they are: clients take turns, and none may fill the queue alone. */
  readonly client: string;
  /** `learning` (embedding labelled images) takes what inference leaves, and a guaranteed share. */
  readonly priority: 'inference' | 'learning';
  /** Unix time; default: none. */
  readonly deadlineMs?: number | undefined;
  /** Aborted when the caller gave up: the request leaves the queue. */
  readonly signal?: AbortSignal | undefined;
}

export interface SubmitOptions {
  /** Called once, when the first of the images goes into a batch. What it throws fails the request, which is not run then. */
  readonly onStart?: () => void;
}

export interface Embedded {
  /** [N, D] */
  readonly embeddings: Float32Array<ArrayBuffer>;
  /** From submission to the result, without the time computed. */
  readonly queueMs: number;
  /** Of all the batches that the request was part of. */
  readonly computeMs: number;
}

/** A place for N images. Ends with `submit` or `release`, whichever is first. */
export interface Permit {
  /** The images' memory is given away. @throws StatusError deadline_exceeded, cancelled, draining; EngineError. */
  submit(images: Images, options?: SubmitOptions): Promise<Embedded>;
  /** Gives the place back unused, as when the images can't be decoded. */
  release(): void;
}

interface Entry {
  readonly count: number;
  readonly images: Images;
  readonly deadlineMs: number;
  readonly onStart: (() => void) | undefined;
  readonly embeddings: Float32Array<ArrayBuffer>;
  readonly arrivedAt: number;
  missing: number;
  computeMs: number;
  started: boolean;
  settled: boolean;
  readonly resolve: (result: Embedded) => void;
  readonly reject: (error: unknown) => void;
}

/** Batches that the backbone has at once: one runs, one waits for it so that the engine never idles. */
const MAX_BATCHES = 2;

export class Batcher {
  private readonly queue = new ImageQueue<Entry>();
  private readonly speed = new SpeedEstimate();
  /** Images with a permit that are not submitted yet. */
  private reserved = 0;
  private runningBatches = 0;
  private runningImages = 0;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(
    readonly backbone: Backbone,
    private readonly options: BatcherOptions,
  ) {}

  /** Images admitted that are in no batch yet. */
  get depth(): number {
    return this.reserved + this.queue.depth;
  }

  get limit(): number {
    return this.options.queueLimit;
  }

  /**
   * Asks for a place before any work is done for a request.
   * @throws StatusError queue_full with the time until there may be room; deadline_exceeded when it can't be met; draining.
   */
  admit({ images: count, deadlineMs = Number.POSITIVE_INFINITY, signal }: AdmitRequest): Permit {
    if (this.closed) throw new StatusError('draining', `backbone ${this.backbone.name}: the server is stopping`);
    if (this.depth + count > this.limit) throw this.full(count);
    const aheadMs = this.speed.forImages(this.depth + this.runningImages);
    const leftMs = deadlineMs - Date.now();
    if (leftMs <= aheadMs) {
      const work = `about ${Math.ceil(aheadMs)} ms of work wait in front of it`;
      const left = `the deadline is in ${Math.max(0, Math.floor(leftMs))} ms`;
      throw new StatusError('deadline_exceeded', `backbone ${this.backbone.name}: not run: ${work}, ${left}`);
    }
    this.reserved += count;
    let held = true;
    const release = () => {
      if (held) this.reserved -= count;
      held = false;
    };
    return {
      release,
      submit: async (images, { onStart } = {}) => {
        if (!held) throw new Error('the permit was used already');
        release();
        return this.enqueue(images, deadlineMs, signal, onStart);
      },
    };
  }

  /** Refuses what waits; what runs ends. */
  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    for (let entry = this.queue.first; entry !== undefined; entry = this.queue.first) {
      this.queue.remove(entry);
      this.fail(entry, new StatusError('draining', `backbone ${this.backbone.name}: the server is stopping`));
    }
  }

  private full(count: number): StatusError {
    const { name } = this.backbone;
    const retryDelayMs = Math.min(10_000, Math.max(10, this.speed.forImages(this.depth + this.runningImages) / 2));
    const message = `backbone ${name}: ${this.depth} images wait, ${count} more exceed the limit of ${this.limit}`;
    return new StatusError('queue_full', `${message} (server.queueLimit); try again later`, { retryDelayMs });
  }

  private enqueue(
    images: Images,
    deadlineMs: number,
    signal: AbortSignal | undefined,
    onStart: (() => void) | undefined,
  ): Promise<Embedded> {
    return new Promise((resolve, reject) => {
      const { count } = images;
      const embeddings = new Float32Array(count * this.backbone.dimensions);
      const entry: Entry = {
        ...{ count, images, deadlineMs, onStart, embeddings, resolve, reject },
        ...{ arrivedAt: performance.now(), missing: count, computeMs: 0, started: false, settled: false },
      };
      if (this.closed) return this.fail(entry, new StatusError('draining', 'the server is stopping'));
      const cancel = () => {
        this.queue.remove(entry);
        this.fail(entry, new StatusError('cancelled', 'cancelled by the client'));
      };
      if (signal?.aborted) return cancel();
      signal?.addEventListener('abort', cancel, { once: true });
      this.queue.push(entry);
      this.pump();
    });
  }

  /** Starts what may start: at once when the engine is idle; behind a running batch only a full one. */
  private pump(): void {
    const { size, waitMs } = this.options;
    while (this.queue.depth > 0 && this.runningBatches < MAX_BATCHES) {
      if (this.queue.depth < size) {
        if (this.runningBatches > 0) return;
        const waitedMs = performance.now() - this.queue.first!.arrivedAt;
        if (waitedMs < waitMs) {
          this.pumpIn(waitMs - waitedMs);
          return;
        }
      }
      this.start();
    }
  }

  private pumpIn(delayMs: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.pump(), Math.ceil(delayMs));
  }

  private start(): void {
    const parts = this.queue.take(this.options.size, (entry) => this.admitToBatch(entry));
    if (parts.length === 0) return;
    const images = parts.reduce((sum, part) => sum + part.count, 0);
    this.runningBatches++;
    this.runningImages += images;
    void this.run(parts, images).finally(() => {
      this.runningBatches--;
      this.runningImages -= images;
      this.pump();
    });
  }

  /** Whether a request still wants to be run; it is settled if not. */
  private admitToBatch(entry: Entry): boolean {
    if (entry.settled) return false;
    if (entry.started) return true;
    if (Date.now() >= entry.deadlineMs) {
      this.fail(
        entry,
        new StatusError('deadline_exceeded', 'the deadline passed while the request waited; it was not run'),
      );
      return false;
    }
    try {
      entry.onStart?.();
    } catch (error) {
      this.fail(entry, error);
      return false;
    }
    entry.started = true;
    return true;
  }

  private async run(parts: readonly BatchPart<Entry>[], images: number): Promise<void> {
    try {
      const { embeddings, computeMs } = await this.backbone.embed(parts.map(imagesOf));
      this.speed.observe(images, computeMs);
      this.options.onBatch?.(images, computeMs);
      this.distribute(parts, embeddings, computeMs);
    } catch (error) {
      for (const { entry } of parts) {
        this.queue.remove(entry);
        this.fail(entry, error);
      }
    }
  }

  private distribute(parts: readonly BatchPart<Entry>[], embeddings: Float32Array, computeMs: number): void {
    const { dimensions } = this.backbone;
    let row = 0;
    for (const { entry, from, count } of parts) {
      entry.embeddings.set(embeddings.subarray(row * dimensions, (row + count) * dimensions), from * dimensions);
      row += count;
      entry.computeMs += computeMs;
      entry.missing -= count;
      if (entry.missing > 0 || entry.settled) continue;
      entry.settled = true;
      const queueMs = Math.max(0, performance.now() - entry.arrivedAt - entry.computeMs);
      entry.resolve({ embeddings: entry.embeddings, queueMs, computeMs: entry.computeMs });
    }
  }

  private fail(entry: Entry, error: unknown): void {
    if (entry.settled) return;
    entry.settled = true;
    entry.reject(error);
  }
}

/** The part's images; of some of a request's a view, whose buffer the engine leaves to the others. */
function imagesOf({ entry, from, count }: BatchPart<Entry>): Images {
  const { images } = entry;
  if (count === images.count) return images;
  const perImage = images.data.length / images.count;
  const [first, end] = [from * perImage, (from + count) * perImage];
  return images.kind === 'pixels'
    ? { kind: 'pixels', count, data: images.data.subarray(first, end) }
    : { kind: 'input', count, data: images.data.subarray(first, end) };
}
