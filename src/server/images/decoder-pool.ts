// The decoder processes: each takes an image at a time from the line, and is replaced when it ends.
import { printable, StatusError } from '../errors.js';
import type { DecodeLine } from './decode-line.js';
import { type ChildEnd, type ChildSettings, DecoderChild } from './decoder-child.js';
import { TASKS_AT_ONCE } from './frames.js';

/** An image may have been held by this many processes that ended before it is given up. */
const MAX_DEATHS = 2;
/** Starts that fail one after the other, in each slot, before those who wait are told: as long as one decodes there is somebody to wait for. */
const FAILED_STARTS = 3;
const LONGEST_PAUSE_MS = 5000;
const CLOSE_GRACE_MS = 1000;

export class DecoderPool {
  private readonly children: (DecoderChild | undefined)[];
  private readonly pauses = new Set<NodeJS.Timeout>();
  /** Of each slot, one after the other. */
  private readonly failedStarts: number[];
  private closing: Promise<void> | undefined;

  constructor(
    private readonly line: DecodeLine,
    private readonly settings: ChildSettings & { readonly decoders: number },
    private readonly log: (line: string) => void,
  ) {
    this.children = new Array(settings.decoders).fill(undefined);
    this.failedStarts = new Array(settings.decoders).fill(0);
    for (let slot = 0; slot < settings.decoders; slot++) this.start(slot);
  }

  /** Process ids of those that run. */
  get pids(): number[] {
    return this.children.flatMap((child) => child?.pid ?? []);
  }

  /** How many take images now. */
  get ready(): number {
    return this.children.filter((child) => child?.ready).length;
  }

  feed(): void {
    if (this.closing !== undefined || this.hopeless) {
      this.refuseAll();
      return;
    }
    // Those that do nothing first; then one more behind each.
    for (let count = 0; count < TASKS_AT_ONCE; count++) {
      for (const child of this.children) {
        if (child === undefined || !child.ready || child.count > count) continue;
        const task = this.line.next();
        if (task === undefined) return;
        child.send(task);
      }
    }
  }

  /** No decoder runs, and none starts. */
  private get hopeless(): boolean {
    return this.failedStarts.every((failed) => failed >= FAILED_STARTS);
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    for (const pause of this.pauses) clearTimeout(pause);
    const children = this.children.filter((child) => child !== undefined);
    await Promise.all(children.map((child) => child.close(CLOSE_GRACE_MS)));
    this.refuseAll();
  }

  private start(slot: number): void {
    try {
      this.children[slot] = new DecoderChild(this.settings, {
        onRoom: () => {
          this.failedStarts[slot] = 0;
          this.feed();
        },
        onEnd: (end) => this.replace(slot, end),
      });
    } catch (error) {
      // The system starts no process now, such as for want of memory.
      this.replace(slot, { held: [], blame: undefined, how: (error as Error).message, started: false });
    }
  }

  private replace(slot: number, { held, blame, how, started }: ChildEnd): void {
    this.children[slot] = undefined;
    const [current, ...others] = held;
    for (const task of others) this.line.putBack(task);
    if (current !== undefined) {
      current.deaths++;
      if (blame !== undefined) current.fail(blame);
      else if (current.deaths < MAX_DEATHS) this.line.putBack(current);
      else current.fail(`the decoder ended on it, twice (${how.split(':')[0]})`);
    }
    if (this.closing !== undefined) return;
    const cause = blame === undefined ? how : `stopped: of an image, ${blame}`;
    this.log(printable(`a decoder process ended (${cause}); another one starts`));
    if (!started) this.failedStarts[slot]!++;
    const pause = started ? 0 : Math.min(LONGEST_PAUSE_MS, 100 * 2 ** this.failedStarts[slot]!);
    const timer = setTimeout(() => {
      this.pauses.delete(timer);
      this.start(slot);
    }, pause);
    this.pauses.add(timer);
    // Nobody is kept waiting for it any more.
    if (this.failedStarts[slot]! >= FAILED_STARTS) timer.unref();
    this.feed();
  }

  private refuseAll(): void {
    const error =
      this.closing === undefined
        ? new StatusError('internal', 'no decoder process starts; the log of the server says why')
        : new StatusError('closed', 'the image decoder is closed');
    for (let task = this.line.next(); task !== undefined; task = this.line.next()) task.abandon(error);
  }
}
