// The server's certificate, kept up to date with its files.
import type { SecureContextOptions } from 'node:tls';
import { StartError } from '../start-error.js';
import { ReloadableCredentials } from './grpc-credentials.js';
import { type KeyPair, readKeyPair } from './key-pair.js';
import { WatchedFiles } from './watched-files.js';

export type Log = (level: 'info' | 'warn' | 'error', message: string) => void;

export interface TlsSettings {
  readonly certificate: string | null;
  readonly key: string | null;
  readonly clientCa: string | null;
  readonly clientAuth: 'none' | 'request' | 'require';
  readonly reload: number;
}

const DAY_MS = 86_400_000;
/** From then on it is logged, once a day. */
const EXPIRES_SOON_MS = 14 * DAY_MS;
const LOOK_AT_EXPIRY_MS = 60_000;
/** A clock may be behind that of the issuer, whose certificates begin "now": clients judge by clocks of their own. */
const CLOCK_SKEW_MS = 5 * 60_000;

export class Tls {
  readonly grpc: ReloadableCredentials;
  private readonly files: WatchedFiles;
  private readonly listeners: ((context: SecureContextOptions) => void)[] = [];
  private readonly expiryTimer: NodeJS.Timeout;
  private expiryToldMs = Number.NEGATIVE_INFINITY;
  /** Runs while the files have a certificate that is not valid yet. */
  private waiting: NodeJS.Timeout | undefined;

  private constructor(
    readonly settings: TlsSettings,
    private pair: KeyPair,
    files: WatchedFiles,
    private readonly log: Log,
  ) {
    this.files = files;
    this.grpc = new ReloadableCredentials(pair.context, settings.clientAuth);
    this.expiryTimer = setInterval(() => this.tellExpiry(), LOOK_AT_EXPIRY_MS).unref();
    this.tellExpiry();
  }

  /** Reads the files, and follows them. @throws StartError when they can't be used. undefined: there is no certificate. */
  static async open(settings: TlsSettings, log: Log): Promise<Tls | undefined> {
    const { certificate, key, clientCa } = settings;
    if (certificate === null || key === null) return undefined;
    let tls: Tls | undefined;
    const files = new WatchedFiles({
      paths: [certificate, key, ...(clientCa === null ? [] : [clientCa])],
      intervalMs: settings.reload,
      onChange: (contents) => tls?.change(contents),
      onUnreadable: (error) => log('error', `security.tls: ${error.message}; the certificate read before stays in use`),
    });
    try {
      tls = new Tls(settings, readFiles(await files.start()), files, log);
      return tls;
    } catch (error) {
      files.stop();
      throw new StartError(`security.tls: ${(error as Error).message}`, { cause: error });
    }
  }

  get context(): SecureContextOptions {
    return this.pair.context;
  }

  /** When the certificates expire, by what they are for. */
  get expiries(): Readonly<Record<string, number>> {
    const { notAfterMs, clientCaNotAfterMs } = this.pair;
    return { server: notAfterMs, ...(clientCaNotAfterMs === undefined ? {} : { client_ca: clientCaNotAfterMs }) };
  }

  /** Told of each new certificate. */
  onChange(listener: (context: SecureContextOptions) => void): void {
    this.listeners.push(listener);
  }

  close(): void {
    this.files.stop();
    clearInterval(this.expiryTimer);
    this.wait(undefined);
  }

  private change(contents: readonly Buffer[]): void {
    this.wait(undefined);
    try {
      const pair = readFiles(contents);
      const now = Date.now();
      // Clients refuse it: the one before may still be good.
      if (pair.notAfterMs <= now && this.pair.notAfterMs > now) throw new Error('the new certificate has expired');
      if (pair.notBeforeMs <= now + CLOCK_SKEW_MS) {
        this.use(pair);
        return;
      }
      const from = new Date(pair.notBeforeMs).toISOString();
      this.log(
        'warn',
        `security.tls: the new certificate is valid from ${from} on only: the one before stays in use until then`,
      );
      this.wait(pair);
    } catch (error) {
      this.log(
        'error',
        `security.tls: ${(error as Error).message}; the certificate before stays in use until the files change again`,
      );
    }
  }

  private use(pair: KeyPair): void {
    this.pair = pair;
    this.grpc.replace(pair.context);
    for (const listener of this.listeners) listener(pair.context);
    const until = new Date(pair.notAfterMs).toISOString();
    this.log('info', `security.tls: new connections use the new certificate (${pair.subject}, valid until ${until})`);
    this.expiryToldMs = Number.NEGATIVE_INFINITY;
    this.tellExpiry();
  }

  /** Takes a pair when it becomes valid, looking at the clock as often as at the files: clocks are put right, too. */
  private wait(next: KeyPair | undefined): void {
    clearInterval(this.waiting);
    if (next === undefined) return;
    this.waiting = setInterval(() => {
      if (next.notBeforeMs > Date.now() + CLOCK_SKEW_MS) return;
      this.wait(undefined);
      this.use(next);
    }, this.settings.reload).unref();
  }

  private tellExpiry(): void {
    const now = Date.now();
    if (now - this.expiryToldMs < DAY_MS) return;
    for (const [what, notAfterMs] of Object.entries(this.expiries)) {
      const whose = what === 'server' ? 'the certificate' : 'an authority of clientCa';
      if (notAfterMs - now > EXPIRES_SOON_MS) continue;
      this.expiryToldMs = now;
      const when = new Date(notAfterMs).toISOString();
      if (notAfterMs <= now)
        this.log('error', `security.tls: ${whose} has expired (${when}): clients are refused or refuse it`);
      else this.log('warn', `security.tls: ${whose} expires at ${when}: renew its file; no restart is needed`);
    }
  }
}

function readFiles([certificate, key, clientCa]: readonly Buffer[]): KeyPair {
  return readKeyPair(certificate as Buffer, key as Buffer, clientCa);
}
