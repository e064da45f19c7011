import type { NatsLink } from '../connection/connection.js';

/** How old a look may be. */
const LOOK_EVERY_MS = 1_000;
const MAX_RESERVE_BYTES = 64 << 20;
/** Of the bytes that stay free, what one process may publish between two looks. */
const SHARE = 1 / 8;
/** What a message takes beside its payload, at most: its subject, its headers, and what the store adds. */
const OVERHEAD_BYTES = 1_024;

/** The stream as it was found. */
interface Look {
  readonly atMs: number;
  /** What may still be published. */
  readonly freeBytes: number;
  /** What may be published before the next look. */
  readonly allowanceBytes: number;
}

/**
 * Keeps a stream that Headwater alone writes below its limit. nats-server 2.9.10 can't: see docs/decisions/0011-full-streams.md. A stream with
 * `max_bytes` must never come near it, so the last eighth (64 MiB at most) stays free: it is more than several processes can publish between two looks.
 */
export class StreamRoom {
  private last: Look | undefined;
  private asking: Promise<Look> | undefined;
  /** Published since the last look began, or on its way then. */
  private spentBytes = 0;
  private inFlightBytes = 0;

  /** @param limitBytes of a stream without `max_bytes` */
  constructor(
    private readonly link: NatsLink,
    private readonly stream: string,
    private readonly limitBytes = Number.POSITIVE_INFINITY,
  ) {}

  /**
   * Publishes if there is room.
   * @param payloadBytes headers that are large count, too
   * @returns undefined when the stream is full: then nothing was published
   * @throws when NATS does not answer, and whatever `publish` throws.
   */
  async within<T>(payloadBytes: number, publish: () => Promise<T>): Promise<T | undefined> {
    const bytes = payloadBytes + OVERHEAD_BYTES;
    const { freeBytes } = await this.lookedAt();
    if (this.spentBytes + bytes > freeBytes) return undefined;
    this.spentBytes += bytes;
    this.inFlightBytes += bytes;
    try {
      return await publish();
    } finally {
      this.inFlightBytes -= bytes;
    }
  }

  private async lookedAt(): Promise<Look> {
    const { last } = this;
    if (this.asking) return this.asking;
    const isDue = last === undefined || performance.now() - last.atMs >= LOOK_EVERY_MS;
    const isSpent = last !== undefined && last.freeBytes > 0 && this.spentBytes > last.allowanceBytes;
    if (!isDue && !isSpent) return last;
    this.spentBytes = this.inFlightBytes;
    this.asking = this.ask().finally(() => {
      this.asking = undefined;
    });
    return this.asking;
  }

  private async ask(): Promise<Look> {
    const atMs = performance.now();
    const { state, config } = await (await this.link.manager()).streams.info(this.stream);
    const reserve = Math.min(MAX_RESERVE_BYTES, config.max_bytes / 8);
    const hard = config.max_bytes > 0 ? config.max_bytes - reserve : Number.POSITIVE_INFINITY;
    const limit = Math.min(hard, this.limitBytes);
    const reserved = config.max_bytes > 0 ? reserve : this.limitBytes / 8;
    this.last = { atMs, freeBytes: limit - state.bytes, allowanceBytes: reserved * SHARE };
    return this.last;
  }
}
