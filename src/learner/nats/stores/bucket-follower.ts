import { setTimeout as delay } from 'node:timers/promises';
import type { KV, KvEntry } from 'nats';
import { LearnerError } from '../../types.js';
import type { NatsLink } from '../connection/connection.js';
import { describeNatsError } from '../connection/errors.js';

/** What hears of a bucket's keys. */
export interface BucketListener {
  /** All keys that there were when the watch began have been told; again after each time that it had to be begun anew. */
  onLoaded(): void;
  onTrouble(problem: string): void;
}

export interface BucketFollowerOptions extends BucketListener {
  readonly link: NatsLink;
  readonly kv: KV;
  readonly bucket: string;
  /** Every key there is, then every change; known ones again when the watch is begun anew. What it throws is told as trouble. */
  onEntry(entry: KvEntry): void;
  /** Only a test asks for others. */
  readonly paces?: Partial<Paces>;
}

interface Paces {
  /** A watch that could not be begun is tried again after this. */
  readonly retryMs: number;
  /** How often the watch is compared with the bucket. */
  readonly lookMs: number;
}

const PACES: Paces = { retryMs: 2_000, lookMs: 5_000 };

/** `upToNow` waits so long for the watch. */
const UP_TO_NOW_MS = 5_000;

/**
 * Hears of all that is written to a key-value bucket, for ever: through lost connections, clusters that come back without a leader, and watches that
 * end or fall silent. A watch that is begun anew tells everything again, so nothing is missed.
 */
export class BucketFollower {
  private watch: Awaited<ReturnType<KV['watch']>> | undefined;
  /** Counts the watches: what the end of an earlier one says is not heeded. */
  private turn = 0;
  private loaded = false;
  /** Highest sequence of the bucket that was told. */
  private heard = 0;
  private told = 0;
  private lastLook = { newest: 0, told: 0 };
  /** The watch was begun anew because this sequence had not come. */
  private missed = 0;
  private waiters: { readonly sequence: number; resolve(): void }[] = [];
  private newest: Promise<number> | undefined;
  private asking: Promise<unknown> = Promise.resolve();
  private following: Promise<void> | undefined;
  private again = false;
  private timer: NodeJS.Timeout | undefined;
  private offStatus: () => void = () => {};
  private stopped = false;

  private readonly paces: Paces;

  constructor(private readonly options: BucketFollowerOptions) {
    this.paces = { ...PACES, ...options.paces };
  }

  /** Begins. @throws when NATS does not answer; then it has not begun. */
  async start(): Promise<void> {
    await this.begin();
    // The watch may have missed what changed while the connection was lost.
    this.offStatus = this.options.link.onStatus((up) => up && this.follow());
    this.timer = setInterval(() => void this.look(), this.paces.lookMs);
    this.timer.unref();
    if (this.stopped) this.stop();
  }

  stop(): void {
    this.stopped = true;
    clearInterval(this.timer);
    this.offStatus();
    this.watch?.stop();
  }

  /**
   * Resolves once all that was written before the call has been told. One question to NATS answers all who ask at the same time.
   * @throws LearnerError nats_unavailable while NATS does not answer, or the watch is behind for seconds; whatever NATS says.
   */
  async upToNow(): Promise<void> {
    // A question that is under way may be from before what the caller wants to hear of.
    this.newest ??= this.asking.then(() => {
      this.newest = undefined;
      const answer = this.newestSequence();
      this.asking = answer.catch(() => {});
      return answer;
    });
    const sequence = await this.newest;
    if (this.heard >= sequence) return;
    await new Promise<void>((resolve, reject) => {
      const waiter = { sequence, resolve: () => resolve(clearTimeout(timer)) };
      const timer = setTimeout(() => {
        this.waiters = this.waiters.filter((each) => each !== waiter);
        const problem = `the bucket ${this.options.bucket} has changes that have not come here yet; try again in a moment`;
        reject(new LearnerError('nats_unavailable', problem));
      }, UP_TO_NOW_MS);
      this.waiters.push(waiter);
    });
  }

  /** Begins the watch anew, as often as it takes; the old one goes on until then. */
  private follow(): void {
    this.again = true;
    this.following ??= this.persist().finally(() => {
      this.following = undefined;
      if (this.again && this.mayFollow()) this.follow();
    });
  }

  private async persist(): Promise<void> {
    const { bucket, onTrouble } = this.options;
    for (let attempt = 1; this.again && this.mayFollow(); attempt++) {
      this.again = false;
      try {
        await this.begin();
      } catch (error) {
        // As after a restart of a cluster, which has no leader yet.
        this.again = true;
        const problem = `following the bucket ${bucket}: ${describeNatsError(error)}; it is tried again until it succeeds`;
        if (attempt === 1 && this.mayFollow()) onTrouble(problem);
        await delay(this.paces.retryMs, undefined, { ref: false });
      }
    }
  }

  /** Otherwise the reconnect begins again. */
  private mayFollow(): boolean {
    return !this.stopped && this.options.link.connected;
  }

  private async begin(): Promise<void> {
    this.turn += 1;
    const { turn } = this;
    this.loaded = false;
    // nats.js may call it before it has told the last keys.
    const initializedFn = () => setImmediate(() => this.allTold(turn));
    const watch = await this.options.kv.watch({ initializedFn });
    if (this.stopped) {
      watch.stop();
      return;
    }
    this.watch?.stop();
    this.watch = watch;
    void this.listen(watch);
  }

  private allTold(turn: number): void {
    if (turn !== this.turn || this.loaded || this.stopped) return;
    this.loaded = true;
    this.options.onLoaded();
  }

  private async listen(watch: AsyncIterable<KvEntry>): Promise<void> {
    try {
      for await (const entry of watch) {
        this.told += 1;
        this.tell(entry);
        this.heardOf(entry.revision);
      }
    } catch {
      // It ends like any other: the next one tells everything again.
    }
    if (this.watch === watch && !this.stopped) this.follow();
  }

  private tell(entry: KvEntry): void {
    try {
      this.options.onEntry(entry);
    } catch (error) {
      this.options.onTrouble((error as Error).message);
    }
  }

  private heardOf(sequence: number): void {
    this.heard = Math.max(this.heard, sequence);
    if (this.waiters.length === 0) return;
    const due = this.waiters.filter((waiter) => waiter.sequence <= this.heard);
    this.waiters = this.waiters.filter((waiter) => waiter.sequence > this.heard);
    for (const waiter of due) waiter.resolve();
  }

  /** A watch may have fallen silent without an error: what was in the bucket a while ago must have come, unless it is still coming. */
  private async look(): Promise<void> {
    if (!this.mayFollow() || this.following) return;
    const { newest, told } = this.lastLook;
    const silent = this.heard < newest && this.told === told;
    // Not even a new watch brings it: that entry was removed from the bucket's stream.
    if (silent && this.loaded && this.missed === newest) this.heardOf(newest);
    else if (silent) {
      this.missed = newest;
      this.follow();
    }
    const toldNow = this.told;
    // While NATS does not answer the next look will do.
    const newestNow = await this.newestSequence().catch(() => newest);
    this.lastLook = { newest: newestNow, told: toldNow };
  }

  private async newestSequence(): Promise<number> {
    const { streams } = await this.options.link.manager();
    return (await streams.info(`KV_${this.options.bucket}`)).state.last_seq;
  }
}
