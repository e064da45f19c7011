// Who waits for a decoder. Requests take turns, one image each, so that a request of hundreds does not hold up one of a few.
import { StatusError } from '../errors.js';
import type { CropSettings } from './decode-image.js';

/** One image on its way. Whoever decodes it fills `target` and calls `done`, or says why not. */
export class DecodeTask {
  /** How many decoders ended while they held it. */
  deaths = 0;
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

  /** Nobody waits for it any more. */
  get gone(): boolean {
    return this.request.over;
  }

  done(): void {
    this.request.decoded();
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
export class DecodeRequest {
  readonly answer: Promise<Uint8Array<ArrayBuffer>>;
  over = false;
  private settle!: (error?: Error) => void;
  private next = 0;
  private left: number;
  private readonly pixels: Uint8Array<ArrayBuffer>;

  constructor(
    readonly images: readonly Uint8Array[],
    readonly crop: CropSettings,
    signal: AbortSignal | undefined,
  ) {
    this.left = images.length;
    this.pixels = new Uint8Array(images.length * crop.size * crop.size * 3);
    const onAbort = () => this.fail(new StatusError('cancelled', 'cancelled while images were decoded'));
    this.answer = new Promise((resolve, reject) => {
      this.settle = (error) => {
        if (this.over) return;
        this.over = true;
        signal?.removeEventListener('abort', onAbort);
        if (error === undefined) resolve(this.pixels);
        else reject(error);
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
    return new DecodeTask(this, index, image, this.pixels.subarray(index * length, (index + 1) * length));
  }

  get hasMore(): boolean {
    return !this.over && this.next < this.images.length;
  }

  decoded(): void {
    if (--this.left === 0) this.settle();
  }

  fail(error: Error): void {
    this.settle(error);
  }
}

/** Bounded by admission: an image stands here only if its backbone's queue has a place for it. */
export class DecodeLine {
  private readonly requests: DecodeRequest[] = [];
  private readonly again: DecodeTask[] = [];

  add(request: DecodeRequest): void {
    if (request.hasMore) this.requests.push(request);
  }

  /** To the front: its decoder ended. */
  putBack(task: DecodeTask): void {
    if (!task.gone) this.again.push(task);
  }

  next(): DecodeTask | undefined {
    for (let task = this.again.shift(); task !== undefined; task = this.again.shift()) {
      if (!task.gone) return task;
    }
    for (let request = this.requests.shift(); request !== undefined; request = this.requests.shift()) {
      const task = request.take();
      if (request.hasMore) this.requests.push(request);
      if (task !== undefined) return task;
    }
    return undefined;
  }
}

export function undecodable(index: number, count: number, why: string, cause?: unknown): StatusError {
  const which = count === 1 ? '' : `, image ${index} of ${count} (from 0)`;
  return new StatusError('undecodable_image', `tensor "image"${which}: ${why}`, { cause });
}
