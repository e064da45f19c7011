import { AckPolicy, type ConsumerConfig, type JsMsg, nanos } from 'nats';
import type { NatsLink } from './connection.js';
import { PullLoop } from './pull-loop.js';

/** What a handler decided: done with it, or try again after a while. */
export type Verdict = { readonly kind: 'done' } | { readonly kind: 'retry'; readonly afterMs: number };

export const DONE: Verdict = { kind: 'done' };

export function retryAfter(afterMs: number): Verdict {
  return { kind: 'retry', afterMs };
}

export interface WorkQueueOptions {
  readonly stream: string;
  readonly consumer: string;
  readonly filter?: string | undefined;
  /** Messages handled at the same time; as many again wait here for their turn. */
  readonly concurrency: number;
  readonly limit: { readonly maxMessages: number } | { readonly maxBytes: number };
  /** A message that is neither acknowledged nor refused comes again after this. */
  readonly ackWaitMs: number;
  readonly maxAckPending: number;
  /** A rejection counts as `retryAfter(1000)`. */
  handle(message: JsMsg): Promise<Verdict>;
  onTrouble(problem: string): void;
}

/**
 * Works on the messages of a durable consumer of a work-queue stream. Every message is handled at least once: a crash
 * before the acknowledgement, and a nats-server that forgot one, make it come again.
 */
export class WorkQueue {
  private readonly waiting: JsMsg[] = [];
  private running = 0;
  private readonly roomWaiters: (() => void)[] = [];
  private readonly idleWaiters: (() => void)[] = [];
  private readonly loop: PullLoop;
  private stopped = false;

  constructor(
    private readonly link: NatsLink,
    private readonly options: WorkQueueOptions,
  ) {
    this.loop = new PullLoop(link, {
      stream: options.stream,
      ensureConsumer: () => this.ensureConsumer(),
      limit: options.limit,
      room: () => this.room(),
      onMessage: (message) => {
        this.waiting.push(message);
        this.next();
      },
      onTrouble: (problem) => options.onTrouble(`consumer ${options.consumer} of ${options.stream}: ${problem}`),
    });
  }

  /** Messages handed over and not finished. */
  get depth(): number {
    return this.waiting.length + this.running;
  }

  /** Lets the running ones end; those not begun go back at once, for others. */
  async stop(): Promise<void> {
    this.stopped = true;
    for (const wake of this.roomWaiters.splice(0)) wake();
    await this.loop.stop();
    for (const message of this.waiting.splice(0)) message.nak();
    while (this.running > 0) await new Promise<void>((resolve) => this.idleWaiters.push(resolve));
  }

  private async ensureConsumer(): Promise<string> {
    const { stream, consumer, filter, ackWaitMs, maxAckPending } = this.options;
    const config: Partial<ConsumerConfig> = {
      durable_name: consumer,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ackWaitMs),
      max_ack_pending: maxAckPending,
      max_deliver: -1,
    };
    if (filter !== undefined) config.filter_subject = filter;
    const manager = await this.link.connection.jetstreamManager({ checkAPI: false });
    await manager.consumers.add(stream, config);
    return consumer;
  }

  private room(): Promise<void> {
    if (this.stopped || this.waiting.length <= this.options.concurrency) return Promise.resolve();
    return new Promise((resolve) => this.roomWaiters.push(resolve));
  }

  private next(): void {
    while (!this.stopped && this.running < this.options.concurrency) {
      const message = this.waiting.shift();
      if (message === undefined) break;
      this.running += 1;
      void this.work(message);
    }
    if (this.waiting.length <= this.options.concurrency) for (const wake of this.roomWaiters.splice(0)) wake();
    if (this.running === 0) for (const wake of this.idleWaiters.splice(0)) wake();
  }

  private async work(message: JsMsg): Promise<void> {
    const verdict = await this.options.handle(message).catch((error: Error) => {
      this.options.onTrouble(`message ${message.seq} of ${this.options.stream}: ${error.message}`);
      return retryAfter(1_000);
    });
    if (verdict.kind === 'done') message.ack();
    else message.nak(verdict.afterMs);
    this.running -= 1;
    this.next();
  }
}
