/** Bytes before each gRPC message: a flag and its length. */
const PREFIX_BYTES = 5;

/** Follows the messages of one call through the chunks that HTTP/2 hands up, without keeping any of them. */
export class MessageFrames {
  private prefix = 0;
  private length = 0;
  private body = 0;
  private inBody = false;

  /** Bytes of the message that has begun and not ended. */
  get partial(): number {
    return this.prefix + this.body;
  }

  /** The largest length that was read so far, without its prefix, though nothing of the message may be there. */
  announced = 0;

  /** @returns the sizes (with prefix) of the messages that ended in this chunk, in order. */
  read(chunk: Uint8Array): number[] {
    const ended: number[] = [];
    for (let at = 0; at < chunk.length; ) {
      if (!this.inBody) {
        if (this.prefix > 0) this.length = this.length * 256 + chunk[at]!;
        this.prefix++;
        at++;
        if (this.prefix < PREFIX_BYTES) continue;
        this.inBody = true;
        this.announced = Math.max(this.announced, this.length);
      } else {
        const step = Math.min(chunk.length - at, this.length - this.body);
        this.body += step;
        at += step;
      }
      if (this.body < this.length) continue;
      ended.push(PREFIX_BYTES + this.length);
      this.prefix = this.length = this.body = 0;
      this.inBody = false;
    }
    return ended;
  }
}
