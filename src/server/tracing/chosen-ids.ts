import { randomBytes } from 'node:crypto';

/** Makes ids of traces and spans for the SDK: random ones, but for the span that is about to be started, which may have been chosen. */
export class ChosenIds {
  private traceId: string | undefined;
  private spanId: string | undefined;

  /** Starts a span with these ids. */
  with<T>(traceId: string | undefined, spanId: string | undefined, start: () => T): T {
    this.traceId = traceId;
    this.spanId = spanId;
    try {
      return start();
    } finally {
      this.traceId = undefined;
      this.spanId = undefined;
    }
  }

  readonly generateTraceId = (): string => this.traceId ?? randomBytes(16).toString('hex');

  readonly generateSpanId = (): string => this.spanId ?? randomBytes(8).toString('hex');
}
