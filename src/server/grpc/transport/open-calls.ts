// All calls that are open: counted from their first byte, ended when their client stalls, awaited when the server stops.
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { ServerInterceptor } from '@grpc/grpc-js';
import type { StatusError } from '../../errors.js';
import { callerOfCall } from '../../security/interceptor.js';
import { type Compression, compressAnswers, compressesAnswers } from './answer-compression.js';
import { baseCallOf } from './grpc-js.js';
import { type CallSettings, OpenCall } from './open-call.js';

export interface OpenCallsSettings extends CallSettings {
  readonly stallTimeout: number;
  readonly compression: Compression;
}

const MAX_SWEEP_MS = 5_000;

export class OpenCalls {
  private readonly calls = new Set<OpenCall>();
  /** What grpc-js hides from interceptors: which compression the client takes. */
  private readonly headers = new WeakMap<object, IncomingHttpHeaders>();
  private readonly sweeping: NodeJS.Timeout;
  private idle: (() => void)[] = [];

  constructor(private readonly settings: OpenCallsSettings) {
    const sweepMs = Math.max(20, Math.min(MAX_SWEEP_MS, settings.stallTimeout / 4));
    this.sweeping = setInterval(() => this.endStalled(), sweepMs).unref();
  }

  get count(): number {
    return this.calls.size;
  }

  /** Has to be the first interceptor, so that it sees each call before anybody uses it. */
  readonly interceptor: ServerInterceptor = (method, call) => {
    const base = baseCallOf(call);
    const address = base.stream.session?.socket?.remoteAddress ?? 'unknown';
    const open = new OpenCall(method, address, base, this.settings, () => {
      this.calls.delete(open);
      if (this.calls.size === 0) for (const resolve of this.idle.splice(0)) resolve();
    });
    this.calls.add(open);
    const start = call.start.bind(call);
    call.start = (listener) =>
      start({
        onReceiveMetadata: (metadata) => {
          listener.onReceiveMetadata(metadata);
          // By now the interceptor that lets calls in has seen it.
          open.identified(callerOfCall({ metadata, getPeer: () => address }).client);
        },
        onReceiveMessage: (message) => listener.onReceiveMessage(message),
        onReceiveHalfClose: () => listener.onReceiveHalfClose(),
        onCancel: () => listener.onCancel(),
      });
    if (compressesAnswers(this.settings.compression, this.headers.get(base.stream) ?? {})) {
      compressAnswers(base, (bytes) => open.holdAnswer(bytes));
    }
    return call as ReturnType<ServerInterceptor>;
  };

  /** Told of each stream, before grpc-js makes a call of it. */
  begin(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    this.headers.set(stream, headers);
  }

  /** Ends the calls that this applies to. */
  endWhere(applies: (call: OpenCall) => boolean, error: StatusError): void {
    for (const call of this.calls) if (applies(call)) call.end(error);
  }

  /** Resolves when no call is open. */
  async empty(): Promise<void> {
    if (this.calls.size > 0) await new Promise<void>((resolve) => this.idle.push(resolve));
  }

  close(): void {
    clearInterval(this.sweeping);
  }

  private endStalled(): void {
    for (const call of this.calls) call.endIfStalled(this.settings.stallTimeout);
  }
}
