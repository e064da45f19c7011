import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { connect, type NatsConnection, nkeyAuthenticator } from 'nats';
import type { NatsSecurity } from '../../src/learner/index.js';
import { CertificateAuthority } from './certificates.js';
import { freePort, natsServerBinary } from './nats.js';
import { nkeyUser } from './nats-jwt.js';
import { ROOT } from './repository.js';
import { until } from './until.js';

// nats-server with deploy/nats/nats-server.conf as it stands: TLS, and a user for each part.

const USERS = ['ALL', 'SERVE', 'JOIN', 'LEARN', 'FLOWERS', 'DEAD_LETTERS', 'MONITOR'] as const;
export type ReadyUser = (typeof USERS)[number];

/** Below what each user gets its replies, as in the file. */
const INBOXES: Readonly<Partial<Record<ReadyUser, string>>> = {
  FLOWERS: '_INBOX_flowers',
  DEAD_LETTERS: '_INBOX_dead',
  MONITOR: '_INBOX_monitor',
};

export class ReadyNats {
  #child: ChildProcess | undefined;

  private constructor(
    readonly url: string,
    private readonly port: number,
    private readonly folder: string,
    private readonly ca: string,
    private readonly environment: Readonly<Record<string, string>>,
  ) {}

  static async start(t: Pick<TestContext, 'after'>): Promise<ReadyNats> {
    const folder = mkdtempSync(join(tmpdir(), 'headwater-ready-nats-'));
    const authority = new CertificateAuthority(t);
    const { certificate, key } = authority.issue('nats', 'DNS:localhost');
    const environment: Record<string, string> = {
      HEADWATER_NATS_NAME: 'nats-0',
      HEADWATER_NATS_CERTIFICATE: certificate,
      HEADWATER_NATS_KEY: key,
      HEADWATER_NATS_STORE: join(folder, 'store'),
    };
    for (const user of USERS) {
      const { seed, publicKey } = nkeyUser();
      environment[`HEADWATER_NKEY_${user}`] = publicKey;
      writeFileSync(join(folder, user), seed, { mode: 0o600 });
    }
    const port = await freePort();
    const server = new ReadyNats(`nats://localhost:${port}`, port, folder, authority.certificate, environment);
    t.after(() => server.#stop());
    server.#begin();
    await until('nats-server answers', async () => {
      const connection = await server.connect('ALL').catch(() => undefined);
      await connection?.close();
      return connection !== undefined;
    });
    return server;
  }

  /** What a process or a command is configured with to be that user. */
  security(user: ReadyUser): NatsSecurity {
    const inboxPrefix = INBOXES[user] ?? '_INBOX_headwater';
    return { tls: { ca: this.ca }, nkey: join(this.folder, user), inboxPrefix };
  }

  connect(user: ReadyUser): Promise<NatsConnection> {
    return connect({
      servers: `localhost:${this.port}`,
      authenticator: nkeyAuthenticator(readFileSync(join(this.folder, user))),
      inboxPrefix: this.security(user).inboxPrefix ?? '_INBOX',
      tls: { caFile: this.ca },
      reconnect: false,
    });
  }

  /** What the server said that users were kept from. */
  violations(): string[] {
    const lines = readFileSync(join(this.folder, 'log'), 'utf8').split('\n');
    return lines.filter((line) => /violation/i.test(line));
  }

  #begin(): void {
    const binary = natsServerBinary();
    if (binary === undefined) throw new Error('no nats-server: guard the test with { skip: natsMissing() }');
    const file = join(ROOT, 'deploy', 'nats', 'nats-server.conf');
    const place = ['-a', '127.0.0.1', '-p', String(this.port), '-l', join(this.folder, 'log')];
    this.#child = spawn(binary, ['-c', file, ...place], {
      env: { ...process.env, ...this.environment },
      stdio: 'ignore',
    });
  }

  async #stop(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
