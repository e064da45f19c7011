import type { MetricsText } from '../servers/metrics-text.js';
import type { ServerUnderTest } from '../servers/server-under-test.js';
import { changeBetween, type Sample, type ServerChange, sampleOf } from './results.js';

/** Reads a server's /metrics now and then. One reading at a time: a slow server is not asked more often for it. */
export class Sampler {
  readonly samples: Sample[] = [];
  private readonly timer: NodeJS.Timeout;
  private last: MetricsText;
  private reading: Promise<void> | undefined;

  private constructor(
    private readonly server: ServerUnderTest,
    private readonly first: MetricsText,
    private readonly began: number,
    everyMs: number,
  ) {
    this.last = first;
    this.timer = setInterval(() => {
      this.reading ??= this.read().finally(() => {
        this.reading = undefined;
      });
    }, everyMs);
  }

  /** undefined: the server tells nothing. @param began performance.now() of second 0 */
  static async start(server: ServerUnderTest, began: number, everyMs: number): Promise<Sampler | undefined> {
    const first = await server.metrics();
    return first === undefined ? undefined : new Sampler(server, first, began, everyMs);
  }

  /** The last reading, and what changed since the first one. */
  async stop(): Promise<ServerChange> {
    clearInterval(this.timer);
    await this.reading;
    await this.read();
    return changeBetween(this.first, this.last);
  }

  private async read(): Promise<void> {
    try {
      const text = await this.server.metrics();
      if (text === undefined) return;
      this.samples.push(sampleOf((performance.now() - this.began) / 1000, this.last, text));
      this.last = text;
    } catch {
      // A missed sample is a gap in a chart; a server that has ended is found by whoever stops it.
    }
  }
}
