import { setTimeout as delay } from 'node:timers/promises';
import type { Consumer, ConsumerMessages, JsMsg } from 'nats';
import type { NatsLink } from '../connection/connection.js';

export interface PullLoopOptions {
  readonly stream: string;
  /**
   * Makes the consumer, and tells its name. Called at the start and after every trouble.
   * @param anew whether one that exists may not be trusted: the connection was lost since it was seen last, or this is the start
   */
  ensureConsumer(anew: boolean): Promise<string>;
  /** One request's limit. With `maxBytes` messages are limited by their bytes instead (and 100 a request). */
  readonly limit: { readonly maxMessages: number } | { readonly maxBytes: number };
  /** Resolves when there is room for another request's messages (the back-pressure), and when its owner stops. */
  room(): Promise<void>;
  onMessage(message: JsMsg): void;
  /** Called after each request that ended without a message. @returns whether the consumer has to be made anew */
  onSilence?: (() => Promise<boolean>) | undefined;
  onTrouble(problem: string): void;
}

/** A pull ends after this even when nothing came, so a consumer or a connection that is gone is noticed. */
const EXPIRES_MS = 5_000;
const RETRY_MS = 250;
/** What nats.js asks for when it is given bytes. */
const MESSAGES_WITHIN_BYTES = 100;

/**
 * Pulls messages from a consumer for ever, one bounded request after the other, through lost connections, restarts of
 * nats-server and consumers that vanished. Ends when `stop` is called.
 */
export class PullLoop {
  private stopped = false;
  private anew = true;
  private current: ConsumerMessages | undefined;
  private readonly running: Promise<void>;
  private readonly offStatus: () => void;

  constructor(
    private readonly link: NatsLink,
    private readonly options: PullLoopOptions,
  ) {
    // After a reconnect the server knows nothing of the request that was open, and perhaps not of the consumer.
    this.offStatus = link.onStatus((up) => {
      if (!up) return;
      this.anew = true;
      void this.current?.close();
    });
    this.running = this.run();
  }

  /** Resolves when no further message will be handed over. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.offStatus();
    await this.current?.close();
    await this.running;
  }

  private async run(): Promise<void> {
    let consumer: Consumer | undefined;
    while (!this.stopped) {
      try {
        await this.options.room();
        if (this.stopped) return;
        if (this.anew) consumer = undefined;
        consumer ??= await this.open();
        const received = await this.pull(consumer);
        if (received === 0 && !this.stopped && (await this.options.onSilence?.())) this.anew = true;
      } catch (error) {
        consumer = undefined;
        if (this.stopped) return;
        if (this.link.connected) this.options.onTrouble((error as Error).message);
        await delay(RETRY_MS);
      }
    }
  }

  private async open(): Promise<Consumer> {
    const { anew } = this;
    // Before the call: the connection may be lost, and found again, while it is under way.
    this.anew = false;
    try {
      const name = await this.options.ensureConsumer(anew);
      return await this.link.jetstream().consumers.get(this.options.stream, name);
    } catch (error) {
      this.anew ||= anew;
      throw error;
    }
  }

  private async pull(consumer: Consumer): Promise<number> {
    const { limit, onMessage } = this.options;
    let received = 0;
    const callback = (message: JsMsg) => {
      received += 1;
      // nats.js waits for the bytes that are left of a request whose messages have all come.
      if ('maxBytes' in limit && received === MESSAGES_WITHIN_BYTES) void this.current?.close();
      onMessage(message);
    };
    const common = { expires: EXPIRES_MS, callback };
    const request =
      'maxBytes' in limit ? { ...common, max_bytes: limit.maxBytes } : { ...common, max_messages: limit.maxMessages };
    const messages = await consumer.fetch(request);
    this.current = messages;
    if (this.stopped) await messages.close();
    const problem = await messages.closed();
    this.current = undefined;
    if (problem instanceof Error) throw problem;
    return received;
  }
}
