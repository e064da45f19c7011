import { connect, ErrorCode, headers, type MsgHdrs, type NatsConnection, NatsError } from 'nats';
import { type RetryPolicy, withRetry } from '../../client/shared.js';
import { setupProblem } from '../../learner/index.js';
import { Failure } from './failure.js';
import { LabelRefused, type LabelSender, type OutgoingLabel } from './label-sender.js';
import { commandNames, type NatsSource, openNatsSource, type SecuredAddress } from './nats-address.js';

const ACK_TIMEOUT_MS = 5_000;
/** Time-outs, a stream that is full or not there yet, a connection that is down: all pass. */
const PERMANENT = new Set<string>([
  ErrorCode.AuthorizationViolation,
  ErrorCode.PermissionsViolation,
  ErrorCode.BadSubject,
  ErrorCode.BadHeader,
  ErrorCode.MaxPayloadExceeded,
]);

/** A label as a NATS message: JSON for a join, the image's bytes with headers for a sample. */
export function labelMessage({ id, label, image }: OutgoingLabel): { payload: Uint8Array; headers?: MsgHdrs } {
  if (image === undefined) return { payload: Buffer.from(JSON.stringify({ id, label })) };
  if (label !== label.trim() || id !== id.trim()) {
    throw new LabelRefused(
      'NATS headers lose spaces at the ends of class and file names; rename it, or feed without --nats',
    );
  }
  const messageHeaders = headers();
  messageHeaders.set('Headwater-Label', label);
  messageHeaders.set('Headwater-Id', id);
  return { payload: image, headers: messageHeaders };
}

/** Labels over JetStream, each acknowledged. */
export class NatsSender implements LabelSender {
  #connecting: Promise<void> | undefined;

  private constructor(
    private readonly source: NatsSource,
    private readonly subject: string,
    private readonly policy: RetryPolicy,
    private address: SecuredAddress,
    private connection: NatsConnection,
  ) {}

  /**
   * @param from Where NATS is: a URL or the path of a `nats.json`, with more to secure the connection or without. Its `nats.json` is read again when the server is lost (it may come back elsewhere).
   * @throws Failure when nobody answers, or refuses us.
   */
  static async connect(from: NatsSource | string, head: string, policy: RetryPolicy): Promise<NatsSender> {
    const source = typeof from === 'string' ? { address: from, security: {}, warn: () => {} } : from;
    const address = await openNatsSource(source);
    const connection = await dial(address);
    return new NatsSender(source, `headwater.label.${head}`, policy, address, connection);
  }

  async send(label: OutgoingLabel, signal?: AbortSignal): Promise<void> {
    const message = labelMessage(label);
    this.#checkSize(message.payload.length + (message.headers ? headerBytes(message.headers) : 0));
    await withRetry(() => this.#publish(message), this.policy, {
      isTransient: (error) => !(error instanceof NatsError && PERMANENT.has(error.code)),
      signal,
    }).catch((error) => {
      throw error instanceof NatsError ? this.#failure(error) : error;
    });
  }

  async close(): Promise<void> {
    await this.connection.close();
  }

  async #publish(message: { payload: Uint8Array; headers?: MsgHdrs }): Promise<void> {
    await this.#connecting;
    try {
      const options = { timeout: ACK_TIMEOUT_MS, ...(message.headers ? { headers: message.headers } : {}) };
      await this.connection.jetstream().publish(this.subject, message.payload, options);
    } catch (error) {
      await this.#follow();
      throw error;
    }
  }

  /** Connects anew when the file says that the server is elsewhere now, or the connection was closed for good. */
  #follow(): Promise<void> {
    this.#connecting ??= this.#reconnect()
      // The next publish fails and comes here again.
      .catch(() => {})
      .finally(() => {
        this.#connecting = undefined;
      });
    return this.#connecting;
  }

  async #reconnect(): Promise<void> {
    const address = await openNatsSource(this.source);
    const same = JSON.stringify(address.address) === JSON.stringify(this.address.address);
    if (same && !this.connection.isClosed()) return;
    const connection = await dial(address);
    await this.connection.close();
    this.connection = connection;
    this.address = address;
  }

  #checkSize(bytes: number): void {
    const limit = this.connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
    if (bytes <= limit) return;
    throw new LabelRefused(
      `the message has ${bytes} bytes and NATS takes ${limit} (its max_payload); feed with --mode join, or without --nats`,
    );
  }

  #failure(error: NatsError): Failure {
    const where = this.address.address.servers.join(', ');
    const what = error.api_error?.description ?? error.message;
    const noStream = error.code === ErrorCode.NoResponders;
    return noStream
      ? new Failure(
          `NATS at ${where} has no stream that takes ${this.subject}: its label stream is full (see nats.streams.labels), or it is not the one that the Headwater server uses`,
        )
      : new Failure(`NATS at ${where} took no label: ${what}`, { cause: error });
  }
}

/** Size on the wire: max_payload counts headers too. */
function headerBytes(messageHeaders: MsgHdrs): number {
  let bytes = Buffer.byteLength('NATS/1.0\r\n\r\n');
  for (const [key, values] of messageHeaders) {
    for (const value of values) bytes += Buffer.byteLength(`${key}: ${value}\r\n`);
  }
  return bytes;
}

async function dial({ address, secure }: SecuredAddress): Promise<NatsConnection> {
  const where = address.servers.join(', ');
  try {
    return await connect({
      servers: [...address.servers],
      ...secure,
      name: 'headwater-client',
      maxReconnectAttempts: -1,
      ignoreAuthErrorAbort: true,
      reconnectTimeWait: 250,
      timeout: ACK_TIMEOUT_MS,
      pingInterval: 3_000,
      noAsyncTraces: true,
    });
  } catch (error) {
    const problem = setupProblem(error, commandNames);
    const refused = error instanceof NatsError && error.code === ErrorCode.AuthorizationViolation;
    const hint = refused ? "; for a server's own NATS, --nats takes the nats.json in its data directory" : '';
    if (problem !== undefined) throw new Failure(`NATS at ${where} ${problem}${hint}`);
    throw new Failure(`no NATS server at ${where} (${(error as Error).message}); is it running, and is --nats right?`);
  }
}
