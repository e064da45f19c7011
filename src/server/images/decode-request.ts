// The images of one request on their way through the decoders.
import type { Priority } from '../batching/admission.js';
import type { HeapItem } from '../batching/heap.js';
import { StatusError } from '../errors.js';
import type { CropSettings } from './decode-image.js';

/** Whose images they are, and until when they are wanted. */
export interface DecodeOptions {
  /** Clients take turns. Default: all are one. */
  readonly client?: string | undefined;
  /** Default: inference. */
  readonly priority?: Priority | undefined;
  /** Unix time; default: none. */
  readonly deadlineMs?: number | undefined;
  /** Aborted when the caller gave up. */
  readonly signal?: AbortSignal | undefined;
}

/** One image on its way. Whoever decodes it calls `begin`, fills `target` and calls `done`, or says why not. */
export class DecodeTask {
  /** How many decoders ended while they held it. */
  deaths = 0;
  private began = 0;

  constructor(
    private readonly request: DecodeRequest,
    private readonly index: number,
    readonly image: Uint8Array,
    /** RGB bytes [size, size, 3] of the request's answer. */
    readonly target: Uint8Array,
  ) {}

  get crop(): CropSettings {
    return this.request.crop;
  }

  get priority(): Priority {
    return this.request.priority;
  }

  /** Nobody waits for it any more. */
  get gone(): boolean {
    return this.request.over;
  }

  begin(): void {
    this.began = performance.now();
  }

  done(): void {
    this.request.decoded(performance.now() - this.began);
  }

  /** @param why a clause about the image */
  fail(why: string, cause?: unknown): void {
    this.request.fail(undecodable(this.index, this.request.images.length, why, cause));
  }

  /** The fault is the service's, not the image's. */
  abandon(error: StatusError): void {
    this.request.fail(error);
  }
}

/** The images of one request, and their common answer. */
export class DecodeRequest implements HeapItem {
  readonly answer: Promise<Uint8Array<ArrayBuffer>>;
  readonly client: string;
  readonly priority: Priority;
  /** In performance.now's milliseconds; Infinity: none. */
  readonly deadline: number;
  heapIndex = -1;
  over = false;
  /** Told of each image that was decoded, and when nobody waits for the request any more. */
  onDecoded: ((ms: number) => void) | undefined;
  onOver: (() => void) | undefined;
  private settle!: (error?: Error) => void;
  private next = 0;
  private left: number;
  private pixels: Uint8Array<ArrayBuffer> | undefined;

  constructor(
    readonly images: readonly Uint8Array[],
    readonly crop: CropSettings,
    { client = '', priority = 'inference', deadlineMs = Number.POSITIVE_INFINITY, signal }: DecodeOptions = {},
  ) {
    this.client = client;
    this.priority = priority;
    this.deadline = deadlineMs - Date.now() + performance.now();
    this.left = images.length;
    const onAbort = () => this.fail(new StatusError('cancelled', 'cancelled while images were decoded'));
    this.answer = new Promise((resolve, reject) => {
      this.settle = (error) => {
        if (this.over) return;
        this.over = true;
        signal?.removeEventListener('abort', onAbort);
        if (error === undefined) resolve(this.pixels ?? new Uint8Array());
        else reject(error);
        this.onOver?.();
      };
    });
    if (this.left === 0) this.settle();
    else if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  }

  /** The next image that no decoder has yet. */
  take(): DecodeTask | undefined {
    const image = this.images[this.next];
    if (this.over || image === undefined) return undefined;
    const index = this.next++;
    const length = this.crop.size * this.crop.size * 3;
    // Made with the first one: while it waits, a request takes no more than its files.
    this.pixels ??= new Uint8Array(this.images.length * length);
    return new DecodeTask(this, index, image, this.pixels.subarray(index * length, (index + 1) * length));
  }

  /** Images that no decoder has yet, whether anybody waits for them or not. */
  get untaken(): number {
    return this.images.length - this.next;
  }

  /** Images that a decoder is wanted for. */
  get waiting(): number {
    return this.over ? 0 : this.untaken;
  }

  /** @param ms what decoding one image took */
  decoded(ms: number): void {
    this.onDecoded?.(ms);
    if (--this.left === 0) this.settle();
  }

  expire(): void {
    this.fail(
      new StatusError('deadline_exceeded', 'the deadline passed before all images of the request were decoded'),
    );
  }

  fail(error: Error): void {
    this.settle(error);
  }
}

export function undecodable(index: number, count: number, why: string, cause?: unknown): StatusError {
  const which = count === 1 ? '' : `, image ${index} of ${count} (from 0)`;
  return new StatusError('undecodable_image', `tensor "image"${which}: ${why}`, { cause });
}
