import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type JetStreamClient, type NatsConnection } from 'nats';
import { encodeSample } from '../../src/learner/index.js';
import type { LabelledEmbeddings } from './embeddings.js';

/** Entries whose acknowledgement may be outstanding. */
const IN_FLIGHT = 512;
const TICK_MS = 5;

export interface LogTarget {
  /** Each next entry goes to the next head; all are of generation 1. */
  readonly heads: readonly string[];
  readonly backboneIdentity: string;
  readonly samples: LabelledEmbeddings;
}

/**
 * Puts samples straight into training logs, as the joiner would: one message a subject. What comes before (labels, joining) is none of what is
 * measured here.
 */
export class LogWriter {
  readonly #connection: NatsConnection;
  readonly #jetstream: JetStreamClient;
  #failure: Error | undefined;
  #flying = 0;
  #next = 0;

  private constructor(
    connection: NatsConnection,
    private readonly target: LogTarget,
  ) {
    this.#connection = connection;
    this.#jetstream = connection.jetstream({ timeout: 30_000 });
  }

  /** @param dataDir of the process whose embedded nats-server it is */
  static async open(dataDir: string, target: LogTarget): Promise<LogWriter> {
    const { host, port, user, password } = JSON.parse(readFileSync(join(dataDir, 'nats.json'), 'utf8')) as {
      host: string;
      port: number;
      user: string;
      password: string;
    };
    const connection = await connect({ servers: `${host}:${port}`, user, pass: password });
    return new LogWriter(connection, target);
  }

  /** As fast as they are taken. @returns once all are stored */
  async write(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      while (this.#flying >= IN_FLIGHT) await delay(1);
      this.#publish();
    }
    await this.#landed();
  }

  /**
   * So many a second, evenly.
   * @param until Ends the stream early.
   * @returns how many were written and the rate that was really kept, once all are stored
   */
  async pace(perSecond: number, count: number, until?: AbortSignal): Promise<{ written: number; perSecond: number }> {
    const start = performance.now();
    let written = 0;
    while (written < count && !until?.aborted) {
      const due = Math.min(count, Math.ceil(((performance.now() - start) * perSecond) / 1000));
      for (; written < due; written++) this.#publish();
      await delay(TICK_MS);
    }
    const seconds = (performance.now() - start) / 1000;
    await this.#landed();
    return { written, perSecond: written / seconds };
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  #publish(): void {
    if (this.#failure) throw this.#failure;
    const { heads, backboneIdentity, samples } = this.target;
    const index = this.#next++;
    const head = heads[index % heads.length]!;
    const turn = Math.floor(index / heads.length);
    const id = `${head}:${turn}`;
    const entry = encodeSample({
      id,
      // Neighbouring heads begin with different samples.
      label: samples.label(turn + (index % heads.length)),
      embedding: samples.embedding(turn + (index % heads.length)),
      backboneIdentity,
      origin: { streamCreated: 'bench', sequence: index + 1 },
      form: 'embedding',
      labelledAtMs: 0,
    });
    this.#flying += 1;
    this.#jetstream.publish(`headwater.training.${head}.1.${keyOf(id)}`, entry).then(
      () => {
        this.#flying -= 1;
      },
      (error: Error) => {
        this.#failure ??= new Error(`a training log takes no entries: ${error.message}`);
      },
    );
  }

  async #landed(): Promise<void> {
    while (this.#flying > 0) {
      if (this.#failure) throw this.#failure;
      await delay(1);
    }
  }
}

function keyOf(id: string): string {
  return createHash('sha256').update(id).digest('base64url').slice(0, 22);
}
