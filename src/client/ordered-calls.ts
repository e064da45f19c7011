import { type ServiceError, status } from '@grpc/grpc-js';
import { refusal } from './errors.js';
import { Slots } from './slots.js';

/** What is used of grpc-js's client stream. */
export interface DuplexCall<Request, Response> {
  write(request: Request): boolean;
  end(): unknown;
  cancel(): void;
  on(event: 'data', listener: (response: Response) => void): unknown;
  on(event: 'error', listener: (error: ServiceError) => void): unknown;
  on(event: 'end' | 'drain', listener: () => void): unknown;
}

export interface OrderedCallsOptions {
  /** Requests that are sent and not answered; more wait for their turn. */
  readonly window: number;
  /** A call that answers nothing for so long, while something is asked, counts as broken. */
  readonly silenceMs?: number;
}

interface Waiting<Response> {
  answered(response: Response): void;
  failed(error: unknown): void;
}

const SILENCE_MS = 30_000;

/**
 * Requests over one duplex call whose answers come in the order of the requests. When the call breaks, all that wait are rejected with what
 * broke it, since which of them arrived is not known, and the next request opens another call.
 *
 * Flow control: `window` bounds what waits for its answer, and nothing is written while the connection is full.
 */
export class OrderedCalls<Request, Response> {
  #call: DuplexCall<Request, Response> | undefined;
  #waiting: Waiting<Response>[] = [];
  /** Resolves when the connection takes more, or is lost; undefined: it takes more now. */
  #full: { readonly over: Promise<void>; end(): void } | undefined;
  #silence: NodeJS.Timeout | undefined;
  #isClosed = false;
  readonly #slots: Slots;
  readonly #silenceMs: number;

  constructor(
    private readonly open: () => DuplexCall<Request, Response>,
    { window, silenceMs = SILENCE_MS }: OrderedCallsOptions,
  ) {
    this.#slots = new Slots(window);
    this.#silenceMs = silenceMs;
  }

  /**
   * Resolves with the answer; rejects with grpc-js's ServiceError when the call breaks.
   * @param signal Ends the waiting with its reason. What is sent by then stays sent: its answer is dropped when it comes.
   */
  async send(request: Request, signal?: AbortSignal): Promise<Response> {
    await this.#slots.take(signal);
    try {
      while (this.#full !== undefined) await unlessAborted(this.#full.over, signal);
      signal?.throwIfAborted();
      if (this.#isClosed) throw new Error('the stream is closed');
    } catch (error) {
      this.#slots.give();
      throw error;
    }
    return await new Promise<Response>((resolve, reject) => {
      const leave = () => reject(signal?.reason);
      const done = () => {
        signal?.removeEventListener('abort', leave);
        this.#slots.give();
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.#write(request, {
        answered: (response) => {
          done();
          resolve(response);
        },
        failed: (error) => {
          done();
          reject(error);
        },
      });
    });
  }

  /** Takes no more requests; what waits is still answered. */
  close(): void {
    this.#isClosed = true;
    this.#call?.end();
  }

  /** Gives up what waits. */
  cancel(reason: unknown): void {
    const call = this.#call;
    if (call === undefined) return;
    this.#lost(call, reason);
    call.cancel();
  }

  #write(request: Request, waiting: Waiting<Response>): void {
    this.#call ??= this.#start();
    this.#waiting.push(waiting);
    if (this.#waiting.length === 1) this.#listen(this.#call);
    if (!this.#call.write(request)) this.#full = gate();
  }

  #start(): DuplexCall<Request, Response> {
    const call = this.open();
    call.on('data', (response) => {
      if (this.#call !== call) return;
      const first = this.#waiting.shift();
      this.#listen(call);
      first?.answered(response);
    });
    call.on('drain', () => this.#call === call && this.#release());
    call.on('error', (error) => this.#lost(call, error));
    call.on('end', () => this.#lost(call, unavailable('the server ended the stream')));
    return call;
  }

  /** Waits anew for a sign of life, if one is due. */
  #listen(call: DuplexCall<Request, Response>): void {
    clearTimeout(this.#silence);
    if (this.#waiting.length === 0) return;
    this.#silence = setTimeout(() => {
      this.#lost(call, unavailable(`the server answers nothing on a stream for ${this.#silenceMs} ms`));
      call.cancel();
    }, this.#silenceMs);
  }

  #lost(call: DuplexCall<Request, Response>, error: unknown): void {
    if (this.#call !== call) return;
    this.#call = undefined;
    clearTimeout(this.#silence);
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#release();
    for (const { failed } of waiting) failed(error);
  }

  #release(): void {
    this.#full?.end();
    this.#full = undefined;
  }
}

/** Waits for what never rejects. @throws the signal's reason once it is aborted. */
async function unlessAborted(event: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return event;
  signal.throwIfAborted();
  let leave = () => {};
  const aborted = new Promise<void>((resolve) => {
    leave = resolve;
  });
  signal.addEventListener('abort', leave, { once: true });
  await Promise.race([event, aborted]);
  signal.removeEventListener('abort', leave);
  signal.throwIfAborted();
}

function gate(): { over: Promise<void>; end(): void } {
  let end = () => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { over, end: () => end() };
}

function unavailable(details: string): ServiceError {
  return refusal(status.UNAVAILABLE, details, '', 0);
}
