import { status } from '@grpc/grpc-js';
import { isTransient, retryPushbackMs } from './grpc-errors.js';
import type { FeedbackStream, HeadwaterClient } from './headwater-client.js';
import { LabelRefused, type LabelSender, type OutgoingLabel } from './label-sender.js';
import { type RetryPolicy, withRetry } from './retry.js';

interface Waiting {
  resolve(): void;
  reject(error: unknown): void;
}

/** A stream that answers nothing for so long counts as broken. */
const ANSWER_TIMEOUT_MS = 30_000;

/** The server refused one label of the stream; the stream goes on. */
class Refusal extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** Labels over StreamFeedback. Answers come in the order of the requests, so those waiting form a queue. */
export class FeedbackSender implements LabelSender {
  #stream: FeedbackStream | undefined;
  #waiting: Waiting[] = [];

  constructor(
    private readonly client: HeadwaterClient,
    private readonly head: string,
    private readonly policy: RetryPolicy,
  ) {}

  async send(label: OutgoingLabel, signal?: AbortSignal): Promise<void> {
    try {
      await withRetry(() => this.#sendOnce(label), this.policy, {
        isTransient: (error) => (error instanceof Refusal ? isPassing(error.code) : isTransient(error)),
        pushbackMs: retryPushbackMs,
        signal,
      });
    } catch (error) {
      if (error instanceof Refusal && error.code === status.INVALID_ARGUMENT) throw new LabelRefused(error.message);
      if (error instanceof Refusal) throw new Error(`${status[error.code] ?? error.code}: ${error.message}`);
      throw error;
    }
  }

  close(): Promise<void> {
    this.#stream?.end();
    this.#stream = undefined;
    return Promise.resolve();
  }

  #sendOnce(label: OutgoingLabel): Promise<void> {
    this.#stream ??= this.#open();
    const stream = this.#stream;
    const timer = setTimeout(() => {
      this.#lost(stream, unavailable('the server answers no labels'));
      stream.cancel();
    }, ANSWER_TIMEOUT_MS);
    return new Promise<void>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      stream.write({ head: this.head, labels: [{ id: label.id, label: label.label, image: asBuffer(label.image) }] });
    }).finally(() => clearTimeout(timer));
  }

  #open(): FeedbackStream {
    const stream = this.client.feedbackStream();
    stream.on('data', ({ error, code }) => {
      const first = this.#waiting.shift();
      if (error === '' && code === status.OK) first?.resolve();
      else first?.reject(new Refusal(code, error));
    });
    // A broken stream leaves open whether its last labels arrived: all that wait are sent again on the next one.
    stream.on('error', (error) => this.#lost(stream, error));
    stream.on('end', () => this.#lost(stream, unavailable('the server ended the stream of labels')));
    return stream;
  }

  #lost(stream: FeedbackStream, error: unknown): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting) reject(error);
  }
}

function isPassing(code: number): boolean {
  return code === status.UNAVAILABLE || code === status.RESOURCE_EXHAUSTED || code === status.DEADLINE_EXCEEDED;
}

function unavailable(details: string): Error {
  return Object.assign(new Error(details), { code: status.UNAVAILABLE, details });
}

function asBuffer(image: Uint8Array | undefined): Buffer {
  return image === undefined ? Buffer.alloc(0) : Buffer.from(image.buffer, image.byteOffset, image.byteLength);
}
