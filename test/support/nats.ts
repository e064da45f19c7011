import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type ConnectionOptions, connect } from 'nats';

// A real nats-server with JetStream for integration tests: own port, own store, gone with the test.

export interface TestNatsOptions {
  /** Ends the server when this test (or suite) ends, also when it fails. */
  readonly t?: Pick<TestContext, 'after'>;
  /** Bytes; nats-server's own default is 1 MiB. */
  readonly maxPayload?: number;
  /** Bytes that JetStream may reserve. */
  readonly maxFileStore?: number;
  /** false: a server without it. */
  readonly jetstream?: boolean;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** More lines of nats-server's configuration, or those of a file that is included by its absolute path. */
  readonly config?: string;
  /** How the wait for the server connects, when `config` asks for more than the options above. */
  readonly as?: Omit<ConnectionOptions, 'servers'>;
  /** A member of a cluster: its own name and route port, and the route ports of all. */
  readonly cluster?: { readonly name: string; readonly port: number; readonly ports: readonly number[] };
}

export interface TestNats {
  /** With credentials inside, when there are any. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** The JetStream store. */
  readonly storeDirectory: string;
  readonly logFile: string;
  readonly pid: number | undefined;
  /** Ends the server with SIGTERM and removes its directory. May be called twice. */
  stop(): Promise<void>;
  /** Ends the server with SIGTERM; `restart` brings it back with its data. */
  terminate(): Promise<void>;
  /** kill -9; resolves once the process is gone. */
  kill9(): Promise<void>;
  /** Starts it again on the same port and store (after kill9 or terminate; otherwise terminates first). */
  restart(): Promise<void>;
  /** Restarts it with other options on the same port and store. */
  reconfigure(change: Partial<TestNatsOptions>): Promise<void>;
  /** SIGSTOP: the server keeps its sockets and answers nothing. */
  pause(): void;
  resume(): void;
}

/** The binary that the tests use, as the product finds it: HEADWATER_NATS_SERVER_BINARY, .tools/bin, PATH. */
export function natsServerBinary(): string | undefined {
  const candidates = [process.env.HEADWATER_NATS_SERVER_BINARY, join(packageRoot(), '.tools/bin/nats-server')];
  for (const candidate of [...candidates, 'nats-server']) {
    if (!candidate) continue;
    try {
      execFileSync(candidate, ['--version'], { stdio: 'pipe' });
      return candidate;
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

/** For `{ skip: natsMissing() }`: false when there is a nats-server, else the reason. */
export function natsMissing(): string | false {
  return natsServerBinary() === undefined
    ? 'no nats-server found (PATH, .tools/bin, HEADWATER_NATS_SERVER_BINARY)'
    : false;
}

/** A TCP port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Starts a nats-server with JetStream and resolves once JetStream answers. */
export async function startTestNats(options: TestNatsOptions = {}): Promise<TestNats> {
  const server = new TestNatsServer(options);
  options.t?.after(() => server.stop());
  try {
    await server.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

/** Starts a cluster of nats-servers with JetStream; resolves once each of them has found the leader. */
export async function startTestNatsCluster(t: Pick<TestContext, 'after'>, nodes = 3): Promise<TestNats[]> {
  const ports = await Promise.all(Array.from({ length: nodes }, freePort));
  const starts = ports.map((port, index) => startTestNats({ t, cluster: { name: `node-${index}`, port, ports } }));
  return Promise.all(starts);
}

const READY_TIMEOUT_MS = 60_000;
const running = new Set<TestNatsServer>();
process.once('exit', () => {
  for (const server of running) server.cleanUpNow();
});

class TestNatsServer implements TestNats {
  readonly host = '127.0.0.1';
  port = 0;
  readonly #directory = mkdtempSync(join(tmpdir(), 'headwater-nats-'));
  #child: ChildProcess | undefined;

  constructor(private options: TestNatsOptions) {
    running.add(this);
  }

  get url(): string {
    const { user, password, token } = this.options;
    const credentials = token ? `${token}@` : user ? `${user}:${encodeURIComponent(password ?? '')}@` : '';
    return `nats://${credentials}${this.host}:${this.port}`;
  }

  get storeDirectory(): string {
    return join(this.#directory, 'store');
  }

  get logFile(): string {
    return join(this.#directory, 'log');
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<void> {
    // Another process may take the port between the look and the start: then try the next one.
    for (let attempt = 1; ; attempt++) {
      if (this.port === 0) this.port = await freePort();
      try {
        return await this.#startOnce();
      } catch (error) {
        if (attempt === 5 || !String(error).includes('address already in use')) throw error;
        this.port = 0;
      }
    }
  }

  async #startOnce(): Promise<void> {
    const binary = natsServerBinary();
    if (binary === undefined) throw new Error('no nats-server: guard the test with { skip: natsMissing() }');
    const configFile = join(this.#directory, 'nats-server.conf');
    writeFileSync(configFile, this.#config());
    writeFileSync(this.logFile, '');
    const child = spawn(binary, ['-c', configFile], { stdio: 'ignore' });
    this.#child = child;
    const failed = new Promise<never>((_, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => reject(new Error(`nats-server exited (${code ?? signal}): ${this.#log()}`)));
    });
    failed.catch(() => {});
    await Promise.race([this.#ready(), failed]);
  }

  #config(): string {
    const { user, password, token, maxPayload, maxFileStore } = this.options;
    const text = JSON.stringify;
    const authorization = token
      ? `authorization { token: ${text(token)} }`
      : user
        ? `authorization { user: ${text(user)}, password: ${text(password ?? '')} }`
        : '';
    return [
      `listen: "${this.host}:${this.port}"`,
      `log_file: ${text(this.logFile)}`,
      maxPayload === undefined ? '' : `max_payload: ${maxPayload}`,
      authorization,
      this.options.config ?? '',
      ...this.#clusterConfig(),
      this.options.jetstream === false
        ? ''
        : `jetstream { store_dir: ${text(this.storeDirectory)}, max_file_store: ${maxFileStore ?? 2 ** 40} }`,
    ].join('\n');
  }

  #clusterConfig(): string[] {
    const { cluster } = this.options;
    if (cluster === undefined) return [];
    const routes = cluster.ports.map((port) => `"nats://${this.host}:${port}"`).join(', ');
    return [
      `server_name: "${cluster.name}"`,
      `cluster { name: "headwater-test", listen: "${this.host}:${cluster.port}", routes: [${routes}] }`,
    ];
  }

  async #ready(): Promise<void> {
    const deadline = Date.now() + READY_TIMEOUT_MS;
    const { user, password, token } = this.options;
    for (;;) {
      try {
        const connection = await connect({
          servers: `${this.host}:${this.port}`,
          user,
          pass: password,
          token,
          ...this.options.as,
          reconnect: false,
        });
        try {
          if (this.options.jetstream !== false) await connection.jetstreamManager();
          return;
        } finally {
          await connection.close();
        }
      } catch (error) {
        if (Date.now() > deadline || this.#child?.exitCode !== null) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  #log(): string {
    try {
      return readFileSync(this.logFile, 'utf8').slice(-2000);
    } catch {
      return '';
    }
  }

  async stop(): Promise<void> {
    await this.terminate();
    running.delete(this);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  terminate(): Promise<void> {
    return this.#end('SIGTERM');
  }

  kill9(): Promise<void> {
    return this.#end('SIGKILL');
  }

  async restart(): Promise<void> {
    await this.terminate();
    await this.#startOnce();
  }

  async reconfigure(change: Partial<TestNatsOptions>): Promise<void> {
    this.options = { ...this.options, ...change };
    await this.restart();
  }

  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGCONT');
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await gone;
    clearTimeout(late);
  }

  /** In a dying process: no waiting. */
  cleanUpNow(): void {
    this.#child?.kill('SIGKILL');
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (dirname(directory) !== directory) {
    try {
      if (JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')).name === 'headwater') return directory;
    } catch {
      // Further up.
    }
    directory = dirname(directory);
  }
  return process.cwd();
}
