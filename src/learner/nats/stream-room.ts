import type { NatsLink } from './connection.js';

/** How old an answer may be. */
const ASK_EVERY_MS = 1_000;
const MAX_RESERVE_BYTES = 64 << 20;

/**
 * Whether a stream that refuses new messages when it is full has room. It has to be asked before publishing what must never be lost: nats-server
 * 2.9.10 compares its limit with a message's payload, but counts some 50 to 100 bytes more for each message once it is stored, so that a message
 * that just fits by its payload drives out the oldest one, acknowledged or not (seen). So it must never come so far: the last eighth (64 MiB at
 * most) stays free, and is more than can be published before the next look.
 */
export class StreamRoom {
  private askedAtMs = Number.NEGATIVE_INFINITY;
  private answer: Promise<boolean> = Promise.resolve(true);

  constructor(
    private readonly link: NatsLink,
    private readonly stream: string,
  ) {}

  /** @throws when NATS does not answer. */
  hasRoom(): Promise<boolean> {
    const now = performance.now();
    if (now - this.askedAtMs >= ASK_EVERY_MS) {
      this.askedAtMs = now;
      this.answer = this.ask();
      this.answer.catch(() => {
        this.askedAtMs = Number.NEGATIVE_INFINITY;
      });
    }
    return this.answer;
  }

  private async ask(): Promise<boolean> {
    const { state, config } = await (await this.link.manager()).streams.info(this.stream);
    const reserve = Math.min(MAX_RESERVE_BYTES, config.max_bytes / 8);
    return config.max_bytes <= 0 || state.bytes + reserve <= config.max_bytes;
  }
}
