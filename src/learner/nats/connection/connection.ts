import { setTimeout as delay } from 'node:timers/promises';
import {
  type ConnectionOptions,
  connect,
  type JetStreamClient,
  type JetStreamManager,
  type NatsConnection,
} from 'nats';
import { LearnerError } from '../../types.js';
import { describeNatsError, isTimeout } from './errors.js';
import type { Log } from './log.js';
import { type NatsSecurity, type SecureOptions, type SecurityNames, secureOptions } from './nats-security.js';
import { type NatsAddress, parseNatsUrls } from './nats-url.js';
import { setupProblem } from './refusals.js';

export * from './errors.js';

export type { Log } from './log.js';

export interface LinkOptions {
  /** `nats://[user:password@ | token@]host[:port]`, `tls://...`; several of one cluster as a list or with commas. */
  readonly url: string | readonly string[];
  /** TLS and credentials that stand in files. */
  readonly security?: NatsSecurity | undefined;
  /** What messages call the settings of `security`; default: nats.* */
  readonly names?: SecurityNames | undefined;
  /** Shown by the server's own tools. */
  readonly name: string;
  readonly log: Log;
  /** As NatsLink.onStatus, from the first connection on. */
  readonly onStatus?: ((connected: boolean) => void) | undefined;
  /** true: try until the first connection succeeds or `signal` aborts; false (default): try each address once. */
  readonly waitOnFirstConnect?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A connection to NATS that comes back by itself, for ever. While it is down, requests fail at their time-out and what was
 * published may be lost: look at `connected` first.
 */
export interface NatsLink {
  readonly connection: NatsConnection;
  readonly connected: boolean;
  /** `host:port` of the servers, for messages: without credentials. */
  readonly servers: string;
  /** Largest message in bytes, headers included, that the server takes (of the last connection). */
  readonly maxPayload: number;
  jetstream(): JetStreamClient;
  /** JetStream's own API: streams, consumers, stored messages. One for the link's life. */
  manager(): Promise<JetStreamManager>;
  /** Called with every change of `connected`, after it changed. Returns what ends it. */
  onStatus(listener: (connected: boolean) => void): () => void;
  /** Sends what is pending, 5 s at most, and closes. May be called twice. */
  close(): Promise<void>;
}

const DIAL_TIMEOUT_MS = 5_000;
const RECONNECT_MS = 250;
const RECONNECT_JITTER_MS = 250;
/** A server that hangs is noticed by the third ping: after 9 s. */
const PING_INTERVAL_MS = 3_000;
const DRAIN_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 5_000;
const WAITING_LOG_MS = 10_000;

/**
 * Connects to NATS.
 * @throws LearnerError nats_setup: the URL or a file of `security` is wrong, or the credentials are refused (when not waiting); nats_unavailable:
 * nobody answers (when not waiting), or aborted.
 */
export async function connectNats(options: LinkOptions): Promise<NatsLink> {
  const address = parseNatsUrls(options.url);
  const secure = secureOptions(address, options.security ?? {}, options.log, options.names);
  const connection = await firstConnection(address, secure, options);
  options.log('info', `connected to NATS at ${connection.getServer()}`, { version: connection.info?.version });
  return new Link(connection, address, options);
}

async function firstConnection(
  address: NatsAddress,
  secure: SecureOptions,
  options: LinkOptions,
): Promise<NatsConnection> {
  const where = address.servers.join(', ');
  let nextLog = 0;
  for (;;) {
    if (options.signal?.aborted) throw new LearnerError('nats_unavailable', `gave up connecting to NATS at ${where}`);
    try {
      return await connect(connectionOptions(address, secure, options.name));
    } catch (error) {
      const problem = firstConnectionError(error, where, secure.tls !== undefined);
      if (!options.waitOnFirstConnect) throw problem;
      if (Date.now() >= nextLog) {
        nextLog = Date.now() + WAITING_LOG_MS;
        options.log('warn', `${problem.message}; trying on`);
      }
    }
    await delay(RECONNECT_MS + Math.random() * RECONNECT_JITTER_MS, undefined, { signal: options.signal }).catch(
      () => {},
    );
  }
}

function connectionOptions(address: NatsAddress, secure: SecureOptions, name: string): ConnectionOptions {
  return {
    servers: [...address.servers],
    ...secure,
    name,
    timeout: DIAL_TIMEOUT_MS,
    maxReconnectAttempts: -1,
    // Otherwise nats.js gives up for good when the credentials are refused twice, as while they are being changed.
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: RECONNECT_MS,
    reconnectJitter: RECONNECT_JITTER_MS,
    reconnectJitterTLS: RECONNECT_JITTER_MS,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: 2,
    // A stack trace for every request is costly, and a publish is a request.
    noAsyncTraces: true,
  };
}

function firstConnectionError(error: unknown, where: string, encrypted: boolean): LearnerError {
  const setup = setupProblem(error);
  if (setup !== undefined) return new LearnerError('nats_setup', `NATS at ${where} ${setup}`, { cause: error });
  // With TLS 1.3 a server that misses our certificate hangs up after the handshake, and nats.js only sees silence.
  const certificate = encrypted && isTimeout(error) ? '; or does it want a certificate (nats.tls.certificate)?' : '';
  return new LearnerError(
    'nats_unavailable',
    `can't connect to NATS at ${where} (${describeNatsError(error)}); is it running, and is nats.url right?${certificate}`,
    { cause: error },
  );
}

class Link implements NatsLink {
  #connected = true;
  #maxPayload: number;
  #closing: Promise<void> | undefined;
  readonly #listeners = new Set<(connected: boolean) => void>();
  readonly #jetstream: JetStreamClient;
  readonly #manager: Promise<JetStreamManager>;

  constructor(
    readonly connection: NatsConnection,
    private readonly address: NatsAddress,
    private readonly options: LinkOptions,
  ) {
    this.#maxPayload = connection.info?.max_payload ?? 0;
    this.#jetstream = connection.jetstream({ timeout: REQUEST_TIMEOUT_MS });
    this.#manager = this.#jetstream.jetstreamManager(false);
    if (options.onStatus) this.#listeners.add(options.onStatus);
    void this.#watch();
    options.onStatus?.(true);
  }

  get connected(): boolean {
    return this.#connected;
  }

  get servers(): string {
    return this.address.servers.join(', ');
  }

  get maxPayload(): number {
    return this.#maxPayload;
  }

  jetstream(): JetStreamClient {
    return this.#jetstream;
  }

  manager(): Promise<JetStreamManager> {
    return this.#manager;
  }

  onStatus(listener: (connected: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#connected && !this.connection.isClosed()) {
      // Draining waits for the server's answer, which may never come.
      await Promise.race([this.connection.drain().catch(() => {}), delay(DRAIN_TIMEOUT_MS, undefined, { ref: false })]);
    }
    await this.connection.close();
    this.#changed(false);
  }

  async #watch(): Promise<void> {
    const { log } = this.options;
    for await (const status of this.connection.status()) {
      if (status.type === 'disconnect') {
        if (this.#connected && !this.#closing) log('warn', `lost NATS at ${status.data}; reconnecting`);
        this.#changed(false);
      } else if (status.type === 'reconnect') {
        this.#maxPayload = this.connection.info?.max_payload ?? this.#maxPayload;
        log('info', `reconnected to NATS at ${status.data}`);
        this.#changed(true);
      } else if (status.type === 'error') {
        log('warn', `NATS: ${status.data}`, { ...status.permissionContext });
      }
    }
    // The stream of statuses ends with the connection.
    if (!this.#closing) log('error', `the connection to NATS at ${this.servers} was closed for good`);
    this.#changed(false);
  }

  #changed(connected: boolean): void {
    if (this.#connected === connected) return;
    this.#connected = connected;
    for (const listener of [...this.#listeners]) {
      try {
        listener(connected);
      } catch (error) {
        this.options.log('error', `a listener for NATS's status failed: ${(error as Error).message}`);
      }
    }
  }
}
