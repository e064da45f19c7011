// Clients that ping too often: gRPC's rule for servers (gRFC A8), which grpc-js does not have.
import { constants, type ServerHttp2Session } from 'node:http2';

/** Pings that may come too early before the connection is ended. */
const MAX_STRIKES = 2;
/** What gRPC clients understand: they ping half as often from then on. */
const TOO_MANY_PINGS = Buffer.from('too_many_pings');
const LAST_STREAM = 2 ** 31 - 1;
const CLOSE_AFTER_MS = 1000;

/** Watches the pings of one connection. */
export class PingGuard {
  private strikes = 0;
  private lastPing = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly session: ServerHttp2Session,
    private readonly minIntervalMs: number,
    private readonly onTooMany: () => void,
  ) {
    session.on('ping', () => this.pinged());
  }

  /** Pings are free while the server sends: clients measure the bandwidth with them. */
  dataSent(): void {
    this.strikes = 0;
    this.lastPing = Number.NEGATIVE_INFINITY;
  }

  private pinged(): void {
    const now = performance.now();
    const early = now - this.lastPing < this.minIntervalMs;
    this.lastPing = now;
    if (!early) return;
    this.strikes++;
    if (this.strikes !== MAX_STRIKES + 1) return;
    this.onTooMany();
    if (this.session.destroyed) return;
    this.session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, LAST_STREAM, TOO_MANY_PINGS);
    setTimeout(() => this.session.destroy(), CLOSE_AFTER_MS).unref();
  }
}
