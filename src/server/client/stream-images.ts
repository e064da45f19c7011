import { setTimeout as delay } from 'node:timers/promises';
import type { RetryPolicy, ServiceCalls } from '../../client/shared.js';
import { isFaultOfRequest, Slots } from '../../client/shared.js';
import { imageId } from '../data/image-id.js';
import type { LabelledImage } from '../data/labelled-image.js';
import { LabelRefused, type LabelSender } from './label-sender.js';
import { predictRecorded, type TimedAnswer } from './predict-recorded.js';

export interface StreamOptions {
  readonly head: string;
  /** `join`: predict, then label by id. `sample`: image and label together. */
  readonly mode: 'join' | 'sample';
  /** Prefix of the ids. */
  readonly run: string;
  /** Images at work at once. */
  readonly concurrency: number;
  /** Images a second; undefined: as fast as it goes. */
  readonly rate: number | undefined;
  /** Seconds between an answer and its label. */
  readonly labelDelay: number;
  readonly retry: RetryPolicy;
  /** Ends the streaming: what is under way is given up. */
  readonly signal?: AbortSignal | undefined;
}

/** What happened to the images so far. */
export interface StreamCounts {
  /** Answered (join), or stored with their label (sample). */
  sent: number;
  /** Labels stored. */
  labelled: number;
  /** Answers that named a class, and those that named the true one. */
  answered: number;
  correct: number;
  /** Answers to images asked again, because the answer before was not recorded. */
  repeated: number;
  /** Answers whose label may not join, in spite of asking again. */
  unrecorded: number;
  /** Images or labels that were refused or could not be read. */
  failed: number;
}

export interface StreamEvents {
  onAnswer?(image: LabelledImage, answer: TimedAnswer): void;
  onLabelled?(image: LabelledImage): void;
  /** An image is given up; the others go on. */
  onFailed?(image: LabelledImage, reason: string): void;
}

/** Labels that wait for their delay or their acknowledgement; more hold up further images. */
const LABELS_PENDING = 10_000;
/** Labels sent and not yet acknowledged. */
const LABELS_IN_FLIGHT = 256;

export function newCounts(): StreamCounts {
  return { sent: 0, labelled: 0, answered: 0, correct: 0, repeated: 0, unrecorded: 0, failed: 0 };
}

/**
 * Streams images through the server and labels them, in the order given but several at once.
 *
 * @param counts Kept up to date while it runs.
 * @throws What keeps all images from getting through (no such head, server away beyond patience), or the signal's reason.
 */
export async function streamImages(
  images: readonly LabelledImage[],
  client: ServiceCalls,
  labels: LabelSender,
  options: StreamOptions,
  counts: StreamCounts,
  events: StreamEvents = {},
): Promise<void> {
  await new ImageStream(client, labels, options, counts, events).run(images);
}

class ImageStream {
  readonly #pending = new Slots(LABELS_PENDING);
  readonly #inFlight = new Slots(LABELS_IN_FLIGHT);
  readonly #labelling = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;

  constructor(
    private readonly client: ServiceCalls,
    private readonly labels: LabelSender,
    private readonly options: StreamOptions,
    private readonly counts: StreamCounts,
    private readonly events: StreamEvents,
  ) {
    this.#signal = options.signal ? AbortSignal.any([options.signal, this.#stop.signal]) : this.#stop.signal;
  }

  async run(images: readonly LabelledImage[]): Promise<void> {
    const start = performance.now();
    let next = 0;
    const worker = async () => {
      for (let index = next++; index < images.length; index = next++) {
        this.#signal.throwIfAborted();
        await this.#keepRate(start, index);
        await this.#one(images[index] as LabelledImage);
      }
    };
    const workers = Array.from({ length: this.options.concurrency }, worker);
    try {
      await Promise.all(workers);
      await Promise.all(this.#labelling);
    } catch (error) {
      this.#stop.abort(error);
      await Promise.allSettled([...workers, ...this.#labelling]);
      throw error;
    }
    this.#signal.throwIfAborted();
  }

  async #keepRate(start: number, index: number): Promise<void> {
    const { rate } = this.options;
    if (rate === undefined) return;
    const waitMs = start + (1000 * index) / rate - performance.now();
    if (waitMs > 0) await this.#wait(waitMs);
  }

  /** Predicts and labels one image; its own faults are counted, anything else is thrown. */
  async #one(image: LabelledImage): Promise<void> {
    const { head, mode, run, retry } = this.options;
    const id = imageId(run, image);
    const bytes = await image.read().catch((error: Error) => {
      this.#failed(image, `can't be read: ${error.message}`);
      return undefined;
    });
    if (bytes === undefined) return;
    if (mode === 'sample') return this.#label(image, id, bytes);
    let answer: TimedAnswer;
    try {
      answer = await predictRecorded(this.client, head, id, bytes, retry, this.#signal);
    } catch (error) {
      if (!isFaultOfRequest(error)) throw error;
      return this.#failed(image, (error as { details: string }).details);
    }
    this.#countAnswer(image, answer);
    await this.#labelLater(image, id);
  }

  #countAnswer(image: LabelledImage, answer: TimedAnswer): void {
    this.counts.sent++;
    this.counts.repeated += answer.answers - 1;
    if (!answer.recorded) this.counts.unrecorded++;
    if (answer.label !== '') {
      this.counts.answered++;
      if (answer.label === image.label) this.counts.correct++;
    }
    this.events.onAnswer?.(image, answer);
  }

  /** Does not wait for the label, only for a place among those that are pending. */
  async #labelLater(image: LabelledImage, id: string): Promise<void> {
    await this.#pending.take();
    const labelling = this.#wait(1000 * this.options.labelDelay)
      .then(() => this.#label(image, id, undefined))
      .catch((error) => {
        this.#stop.abort(error);
        throw error;
      })
      .finally(() => {
        this.#pending.give();
        this.#labelling.delete(labelling);
      });
    // Rejections reach `run` by the signal, too: this only keeps them from counting as unhandled.
    labelling.catch(() => {});
    this.#labelling.add(labelling);
  }

  async #label(image: LabelledImage, id: string, bytes: Buffer | undefined): Promise<void> {
    this.#signal.throwIfAborted();
    try {
      await this.#inFlight.run(() => this.labels.send({ id, label: image.label, image: bytes }, this.#signal));
    } catch (error) {
      if (!(error instanceof LabelRefused)) throw error;
      return this.#failed(image, error.message);
    }
    this.counts.labelled++;
    if (bytes !== undefined) this.counts.sent++;
    this.events.onLabelled?.(image);
  }

  #failed(image: LabelledImage, reason: string): void {
    this.counts.failed++;
    this.events.onFailed?.(image, reason);
  }

  async #wait(milliseconds: number): Promise<void> {
    if (milliseconds <= 0) return;
    await delay(milliseconds, undefined, { signal: this.#signal }).catch(() => this.#signal.throwIfAborted());
  }
}
