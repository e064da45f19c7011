import type { ServerHttp2Stream } from 'node:http2';
import { Progress, SLOWEST_BYTES_PER_SECOND } from './progress.js';

/**
 * Whether an answer is being taken. Node.js tells of a stream only when all of a message is gone; of its connection it tells each byte.
 * So a client that takes nothing at all is stalled as soon as one that sends nothing; one that takes other answers meanwhile has
 * the time that this one needs at the slowest speed.
 */
export class AnswerProgress {
  private readonly begin = performance.now();
  private readonly progress = new Progress(this.begin);
  private written: number;

  /** @param bytes of the answer */
  constructor(
    readonly bytes: number,
    private readonly stream: Pick<ServerHttp2Stream, 'session'>,
  ) {
    this.written = this.ofConnection();
  }

  /** @param now of `performance.now` */
  stalled(stallMs: number, now: number): boolean {
    const written = this.ofConnection();
    this.progress.add(written - this.written, now);
    this.written = written;
    if (now - this.begin > stallMs + (this.bytes / SLOWEST_BYTES_PER_SECOND) * 1000) return true;
    return this.progress.stalled(stallMs, now);
  }

  private ofConnection(): number {
    return this.stream.session?.socket?.bytesWritten ?? 0;
  }
}
