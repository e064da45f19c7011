import { subjects } from '../../names.js';
import type { HeadDefinition } from '../../types.js';
import type { NatsLink } from '../connection/connection.js';
import { StreamFollower } from '../streams/stream-follower.js';
import { TRAINING_STREAM } from '../streams/streams.js';
import type { LogReader } from './log-reader.js';
import { SharedLogReader } from './shared-log-reader.js';
import { TrainingFeed } from './training-feed.js';
import type { TrainingLog } from './training-log.js';

/** From so many heads on they share one consumer of the whole stream: a consumer each would be costly for the server. */
const SHARE_FROM = 8;
/** Entries of one head that wait here. */
const BUFFER = 1_024;

/** Readers of training logs: each with a consumer of its own while there are few, else over one feed of all logs. */
export class LogReaders {
  private readonly readers = new Set<LogReader>();
  private readonly feed: TrainingFeed;

  /** @param shareFrom another number is for tests */
  constructor(
    private readonly link: NatsLink,
    private readonly log: TrainingLog,
    private readonly shareFrom = SHARE_FROM,
  ) {
    this.feed = new TrainingFeed(link, log);
  }

  /** @param after sequence of the last entry that is known */
  open(definition: HeadDefinition, after: number, onTrouble: (problem: string) => void): LogReader {
    const follower = (from: number) => this.follower(definition, from, onTrouble);
    const { feed, log } = this;
    const reader =
      this.readers.size < this.shareFrom
        ? follower(after)
        : new SharedLogReader({ feed, log, definition, after, follower, onTrouble });
    this.readers.add(reader);
    return {
      next: (limit, waitMs) => reader.next(limit, waitMs),
      get pending() {
        return reader.pending;
      },
      wake: () => reader.wake(),
      stop: () => {
        this.readers.delete(reader);
        return reader.stop();
      },
    };
  }

  private follower(
    { name, generation }: HeadDefinition,
    after: number,
    onTrouble: (problem: string) => void,
  ): StreamFollower {
    const filter = subjects.trainingOfHead(name, generation);
    return new StreamFollower(this.link, { stream: TRAINING_STREAM, filter, after, buffer: BUFFER, onTrouble });
  }
}
