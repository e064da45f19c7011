import type { JsMsg } from 'nats';
import type { NatsLink } from '../connection/connection.js';
import { isUnavailable } from '../connection/errors.js';
import { Deliveries, type Delivery } from './deliveries.js';

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
  /** When it rejects, the message comes again, later each time. */
  handle(message: JsMsg): Promise<Verdict>;
  /** Called in place of another attempt when a message goes on failing while NATS is well: it must not stay for ever. */
  giveUp(message: JsMsg, problem: string): Promise<Verdict>;
  onTrouble(problem: string): void;
}

const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 30_000;
/** Deliveries after which a message that fails by itself is given up. */
const MAX_ATTEMPTS = 5;

/**
 * Works on the messages of a durable consumer of a work-queue stream. Every message is handled at least once: a crash
 * before the acknowledgement, and a nats-server that forgot one, make it come again.
 */
export class WorkQueue {
  private waiting: Delivery[] = [];
  private running = 0;
  private readonly roomWaiters: (() => void)[] = [];
  private readonly idleWaiters: (() => void)[] = [];
  private readonly deliveries: Deliveries;
  private stopped = false;
  private quietUntil = 0;
  private untold = 0;

  constructor(
    private readonly link: NatsLink,
    private readonly options: WorkQueueOptions,
  ) {
    const { stream, consumer, filter, limit, ackWaitMs, maxAckPending, onTrouble } = options;
    this.deliveries = new Deliveries(link, {
      ...{ stream, consumer, filter, limit, ackWaitMs, maxAckPending },
      room: () => this.room(),
      onDelivery: (delivery) => {
        this.waiting.push(delivery);
        this.next();
      },
      onLost: () => {
        this.waiting = [];
        this.next();
      },
      onTrouble: (problem) => onTrouble(`consumer ${consumer} of ${stream}: ${problem}`),
    });
  }

  /** Lets the running ones end; those not begun go back at once, for others. */
  async stop(): Promise<void> {
    this.stopped = true;
    for (const wake of this.roomWaiters.splice(0)) wake();
    await this.deliveries.stop();
    for (const delivery of this.waiting.splice(0)) delivery.refuse();
    while (this.running > 0) await new Promise<void>((resolve) => this.idleWaiters.push(resolve));
  }

  private room(): Promise<void> {
    if (this.stopped || this.waiting.length <= this.options.concurrency) return Promise.resolve();
    return new Promise((resolve) => this.roomWaiters.push(resolve));
  }

  private next(): void {
    while (!this.stopped && this.running < this.options.concurrency) {
      const delivery = this.waiting.shift();
      if (delivery === undefined) break;
      this.running += 1;
      void this.work(delivery);
    }
    if (this.waiting.length <= this.options.concurrency) for (const wake of this.roomWaiters.splice(0)) wake();
    if (this.running === 0) for (const wake of this.idleWaiters.splice(0)) wake();
  }

  private async work(delivery: Delivery): Promise<void> {
    const { message } = delivery;
    const verdict = await this.options.handle(message).catch((error) => this.failed(message, error));
    if (verdict.kind === 'done') delivery.acknowledge();
    else delivery.refuse(verdict.afterMs);
    this.running -= 1;
    this.next();
  }

  private async failed(message: JsMsg, error: Error): Promise<Verdict> {
    const { deliveryCount } = message.info;
    const retry = retryAfter(Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(deliveryCount, 16)));
    if (!this.link.connected || isUnavailable(error)) return retry;
    this.tell(`message ${message.seq} of ${this.options.stream}: ${error.message}`);
    if (deliveryCount < MAX_ATTEMPTS) return retry;
    return this.options.giveUp(message, error.message).catch(() => retry);
  }

  /** One line a second at most: a flood of bad messages must not become a flood of lines. */
  private tell(problem: string): void {
    const now = Date.now();
    if (now < this.quietUntil) {
      this.untold += 1;
      return;
    }
    this.options.onTrouble(this.untold > 0 ? `${problem} (and ${this.untold} more like it)` : problem);
    this.untold = 0;
    this.quietUntil = now + 1_000;
  }
}
