import type { JsMsg } from 'nats';
import type { HeadDefinition } from '../../types.js';
import type { NatsLink } from '../connection/connection.js';
import { StreamFollower } from '../streams/stream-follower.js';
import { TRAINING_STREAM } from '../streams/streams.js';
import type { TrainingLog } from './training-log.js';

const FEED_BUFFER = 2_048;
const FEED_BATCH = 512;
/** Takes a head's entries from the feed. */
export interface Subscriber {
  push(message: JsMsg): void;
}

/** All training logs, as they grow: one consumer for as many heads as the process teaches. It runs while somebody listens. */
export class TrainingFeed {
  private readonly subscribers = new Map<string, Subscriber>();
  private follower: Promise<StreamFollower> | undefined;
  /** Who waits for the follower: it must not be stopped under them. */
  private joining = 0;
  /** Sequence of the last entry handed out. */
  private position = 0;
  /** Entries that wait in all subscribers. */
  buffered = 0;

  constructor(
    private readonly link: NatsLink,
    private readonly log: TrainingLog,
  ) {}

  /**
   * From now on the subscriber is given the head's entries.
   * @returns a sequence: every entry after it is given, none before
   */
  async join(head: HeadDefinition, subscriber: Subscriber): Promise<number> {
    this.joining += 1;
    try {
      this.follower ??= this.begin();
      await this.follower;
      this.subscribers.set(keyOf(head), subscriber);
      return this.position;
    } finally {
      this.joining -= 1;
    }
  }

  async leave(head: HeadDefinition, subscriber: Subscriber): Promise<void> {
    if (this.subscribers.get(keyOf(head)) !== subscriber) return;
    this.subscribers.delete(keyOf(head));
    if (this.subscribers.size > 0 || this.joining > 0) return;
    const { follower } = this;
    this.follower = undefined;
    await (await follower)?.stop();
  }

  private begin(): Promise<StreamFollower> {
    const follower = this.start();
    follower.catch(() => {
      if (this.follower === follower) this.follower = undefined;
    });
    return follower;
  }

  private async start(): Promise<StreamFollower> {
    this.position = (await this.log.state()).lastSequence;
    const follower = new StreamFollower(this.link, {
      stream: TRAINING_STREAM,
      filter: 'headwater.training.>',
      after: this.position,
      buffer: FEED_BUFFER,
      // The consumer is made anew, and goes on after the last entry.
      onTrouble: () => {},
    });
    void this.distribute(follower);
    return follower;
  }

  private async distribute(follower: StreamFollower): Promise<void> {
    for (;;) {
      const messages = await follower.next(FEED_BATCH);
      if (messages.length === 0 && follower.ended) return;
      for (const message of messages) {
        this.position = message.seq;
        this.subscribers.get(keyOfSubject(message.subject))?.push(message);
      }
    }
  }
}

function keyOf({ name, generation }: HeadDefinition): string {
  return `${name}.${generation}`;
}

/** headwater.training.<head>.<generation>.<key> */
function keyOfSubject(subject: string): string {
  const start = 'headwater.training.'.length;
  return subject.slice(start, subject.lastIndexOf('.'));
}
