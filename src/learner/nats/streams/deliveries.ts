// What a killed nats-server 2.9.10 does to a work queue, and how nothing is lost by it. All of this was seen (many-kills.test.ts; work-queue.test.ts
// pins what can be provoked):
// - It writes acknowledgements down within a second, the removals that follow from them some seconds later. Killed in between it comes back with
//   acknowledged messages in the stream, which no consumer is ever given.
// - Killed while a queue is empty it may come back with the stream's sequence at 0. The consumer, which is far ahead, takes all that is published
//   then for acknowledged: hundreds of labels were lost so.
// - A consumer may hold messages as pending that it never gives out again.
// So nothing that a consumer says is trusted once the connection was lost: the durable consumer is deleted and made anew, and gives out whatever is
// in the stream, from its beginning. Some of it is handled twice; that is noticed, since a label's position (sequence and time) tells a retry.
// And what came over an earlier connection is never acknowledged: its sequence may be another message's by now.
import { AckPolicy, type ConsumerConfig, type JsMsg, nanos } from 'nats';
import type { NatsLink } from '../connection/connection.js';
import { JETSTREAM_ERROR, jetStreamCode } from '../connection/errors.js';
import { PullLoop, type PullLoopOptions } from './pull-loop.js';

/** A message, and the right to say what becomes of it. */
export interface Delivery {
  readonly message: JsMsg;
  /** Done with. Without effect when the connection was lost since it came: then it comes again. */
  acknowledge(): void;
  /** It comes again, after a while. */
  refuse(afterMs?: number): void;
}

export interface DeliveriesOptions extends Pick<PullLoopOptions, 'stream' | 'limit' | 'room' | 'onTrouble'> {
  /** Name of the durable consumer. */
  readonly consumer: string;
  readonly filter?: string | undefined;
  /** A message that is neither acknowledged nor refused comes again after this. */
  readonly ackWaitMs: number;
  readonly maxAckPending: number;
  onDelivery(delivery: Delivery): void;
  /** The connection was lost: whatever was delivered comes again. */
  onLost?: (() => void) | undefined;
}

/** Longest time for which a handler refuses a message, with a margin: a consumer that is silent for longer, with messages in its stream, is stuck. */
const LONGEST_SILENCE_MS = 60_000;

/** Messages of a durable consumer of a work-queue stream: each of them at least once, whatever dies. */
export class Deliveries {
  private readonly loop: PullLoop;
  private readonly offStatus: () => void;
  /** Counts the connections: what came over an earlier one is stale. */
  private connection = 0;
  private lastSeen: { readonly state: string; readonly sinceMs: number } | undefined;

  constructor(
    private readonly link: NatsLink,
    private readonly options: DeliveriesOptions,
  ) {
    this.offStatus = link.onStatus((connected) => {
      if (connected) return;
      this.connection += 1;
      options.onLost?.();
    });
    this.loop = new PullLoop(link, {
      ...options,
      ensureConsumer: (anew) => this.ensureConsumer(anew),
      onMessage: (message) => options.onDelivery(this.delivery(message)),
      onSilence: () => this.isStuck(),
    });
  }

  async stop(): Promise<void> {
    this.offStatus();
    await this.loop.stop();
  }

  private delivery(message: JsMsg): Delivery {
    const { connection } = this;
    const unlessStale = (act: () => void) => {
      if (connection === this.connection && this.link.connected) act();
    };
    return {
      message,
      acknowledge: () => unlessStale(() => message.ack()),
      refuse: (afterMs) => unlessStale(() => message.nak(afterMs)),
    };
  }

  private async ensureConsumer(anew: boolean): Promise<string> {
    const { stream, consumer, filter, ackWaitMs, maxAckPending } = this.options;
    const manager = await this.link.manager();
    if (anew) {
      await manager.consumers.delete(stream, consumer).catch((error) => {
        if (jetStreamCode(error) !== JETSTREAM_ERROR.consumerNotFound) throw error;
      });
    }
    const config: Partial<ConsumerConfig> = {
      durable_name: consumer,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ackWaitMs),
      max_ack_pending: maxAckPending,
      max_deliver: -1,
    };
    if (filter !== undefined) config.filter_subject = filter;
    await manager.consumers.add(stream, config);
    return consumer;
  }

  /** Whether there are messages for the consumer, and for longer than any may wait it has neither given one out nor taken an acknowledgement. */
  private async isStuck(): Promise<boolean> {
    const { stream, consumer, filter, ackWaitMs } = this.options;
    const manager = await this.link.manager();
    const { state } = await manager.streams.info(stream, { subjects_filter: filter ?? '>' });
    const waiting = filter === undefined ? state.messages : Object.keys(state.subjects ?? {}).length;
    if (waiting === 0) {
      this.lastSeen = undefined;
      return false;
    }
    const { delivered, ack_floor: floor, num_ack_pending: pending } = await manager.consumers.info(stream, consumer);
    const seen = JSON.stringify([delivered.consumer_seq, floor.consumer_seq, pending]);
    if (this.lastSeen?.state !== seen) this.lastSeen = { state: seen, sinceMs: performance.now() };
    const stuck = performance.now() - this.lastSeen.sinceMs > Math.max(LONGEST_SILENCE_MS, 2 * ackWaitMs);
    if (stuck) {
      this.lastSeen = undefined;
      this.options.onTrouble(`${waiting} messages wait in ${stream} and are not given out; the consumer is made anew`);
    }
    return stuck;
  }
}
