import { setTimeout as delay } from 'node:timers/promises';
import type { Consumer, ConsumerMessages, JsMsg } from 'nats';
import type { NatsLink } from '../connection/connection.js';

export interface PullLoopOptions {
  readonly stream: string;
  /** Makes sure that the consumer exists, and tells its name. Called at the start and after every trouble. */
  ensureConsumer(): Promise<string>;
  /** One request's limit. With `maxBytes` messages are limited by their bytes instead (and 100 a request). */
  readonly limit: { readonly maxMessages: number } | { readonly maxBytes: number };
  /** Resolves when there is room for another request's messages (the back-pressure), and when its owner stops. */
  room(): Promise<void>;
  onMessage(message: JsMsg): void;
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
  private reconnected = false;
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
      this.reconnected = true;
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
        if (this.reconnected) consumer = undefined;
        this.reconnected = false;
        consumer ??= await this.open();
        await this.pull(consumer);
      } catch (error) {
        consumer = undefined;
        if (this.stopped) return;
        if (this.link.connected) this.options.onTrouble((error as Error).message);
        await delay(RETRY_MS);
      }
    }
  }

  private async open(): Promise<Consumer> {
    const name = await this.options.ensureConsumer();
    return this.link.jetstream().consumers.get(this.options.stream, name);
  }

  private async pull(consumer: Consumer): Promise<void> {
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
  }
}
