import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LearnerError } from '../../types.js';
import type { Log } from '../connection/connection.js';
import { findServerBinary, type ServerBinary } from './find-server.js';
import { endProcess, processesWithConfig } from './processes.js';
import {
  EMBEDDED_HOST,
  findCredentials,
  makeCredentials,
  makePrivateFolder,
  newPassword,
  type ServerCredentials,
  type ServerFiles,
  serverConfig,
  serverFiles,
  writePrivately,
} from './server-config.js';
import { freePort, lastWords, pruneLogs, ServerProcess, untilReady } from './server-process.js';

export interface EmbeddedOptions {
  /** Locked by the caller (lockDataDirectory) for as long as the server runs. */
  readonly dataDir: string;
  /** The configuration's `nats.serverBinary`. */
  readonly serverBinary: string | null;
  readonly log: Log;
  /** Bytes that streams may reserve; nothing is allocated for it, and it may exceed the disk. Default 1 TiB. */
  readonly maxFileStore?: number | undefined;
}

/** A nats-server with JetStream as our child, on loopback. It is started again when it dies. */
export interface EmbeddedNats {
  /** With the credentials inside. Stays the same as long as this object lives. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Path of nats.json. */
  readonly credentialsFile: string;
  readonly logFile: string;
  /** undefined between a death and the next start. */
  readonly pid: number | undefined;
  readonly version: string;
  /** Called when it died without being asked to. Returns what ends it. */
  onExit(listener: (how: string) => void): () => void;
  /** Ends it (SIGTERM) and resolves once it is gone. May be called twice. */
  stop(): Promise<void>;
}

const MAX_FILE_STORE = 2 ** 40;
const STOP_PATIENCE_MS = 30_000;
/** A store of many gigabytes takes long to recover; as long as the process lives it is worth waiting. */
const READY_TIMEOUT_MS = 15 * 60_000;
const FIRST_RESTART_MS = 200;
const SLOWEST_RESTART_MS = 10_000;
/** One that ran for so long was well: the next restart is quick again. */
const HEALTHY_MS = 60_000;
const START_ATTEMPTS = 5;
const PRUNE_EVERY_MS = 10 * 60_000;

/**
 * Starts nats-server on the data directory's store, after stopping one that a killed parent left behind there, and
 * resolves when JetStream answers.
 * @throws LearnerError nats_setup when there is no usable binary, or it does not come up; the message has its last words.
 */
export async function startEmbeddedNats(options: EmbeddedOptions): Promise<EmbeddedNats> {
  const binary = await findServerBinary(options.serverBinary);
  await makePrivateFolder(join(options.dataDir, 'nats'));
  // A server is known by its configuration's path, so it must not depend on how dataDir is spelled.
  const files = serverFiles(await realpath(options.dataDir));
  await stopLeftovers(files, options.log);
  const server = new EmbeddedServer(binary, files, options);
  await server.start();
  return server;
}

async function stopLeftovers(files: ServerFiles, log: Log): Promise<void> {
  for (const pid of await processesWithConfig(files.config, files.directory)) {
    log('warn', `stopping nats-server ${pid}, left over on ${files.store} from a process that was killed`);
    await endProcess(pid, STOP_PATIENCE_MS).catch((error: Error) => {
      throw new LearnerError(
        'nats_setup',
        `nats-server ${pid} runs on ${files.store} and can't be stopped (${error.message}); end it yourself (kill ${pid})`,
        { cause: error },
      );
    });
  }
}

class EmbeddedServer implements EmbeddedNats {
  readonly host = EMBEDDED_HOST;
  #credentials: ServerCredentials = makeCredentials('', 0, null);
  #process: ServerProcess | undefined;
  #stopping: Promise<void> | undefined;
  #supervision: Promise<void> = Promise.resolve();
  #pruning: NodeJS.Timeout | undefined;
  readonly #abort = new AbortController();
  readonly #listeners = new Set<(how: string) => void>();
  /** Whatever way our process ends, but by SIGKILL, the server is told to end too. */
  readonly #endWithUs = () => this.#process?.signalEnd();

  constructor(
    private readonly binary: ServerBinary,
    private readonly files: ServerFiles,
    private readonly options: EmbeddedOptions,
  ) {}

  get url(): string {
    return this.#credentials.url;
  }

  get port(): number {
    return this.#credentials.port;
  }

  get user(): string {
    return this.#credentials.user;
  }

  get password(): string {
    return this.#credentials.password;
  }

  get credentialsFile(): string {
    return this.files.credentials;
  }

  get logFile(): string {
    return this.files.log;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  get version(): string {
    return this.binary.version;
  }

  onExit(listener: (how: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Once, by startEmbeddedNats. */
  async start(): Promise<void> {
    process.once('exit', this.#endWithUs);
    try {
      await this.#firstStart();
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.options.log('info', `nats-server ${this.version} runs on ${this.host}:${this.port}`, {
      event: 'nats_server',
      natsPid: this.pid,
    });
    this.#pruning = setInterval(() => void pruneLogs(this.files).catch(() => {}), PRUNE_EVERY_MS);
    this.#pruning.unref();
    this.#supervision = this.#supervise();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#abort.abort();
    clearInterval(this.#pruning);
    await this.#process?.end(STOP_PATIENCE_MS);
    await this.#supervision;
    process.removeListener('exit', this.#endWithUs);
    await this.#writeCredentials().catch(() => {});
  }

  async #firstStart(): Promise<void> {
    const found = await findCredentials(this.files.credentials);
    if (found.kind === 'exposed') {
      this.options.log('warn', `${this.files.credentials} ${found.why}; the nats-server gets a new password`);
    }
    const password = found.kind === 'usable' ? found.credentials.password : newPassword();
    let port = found.kind === 'none' ? 0 : found.credentials.port;
    for (let attempt = 1; ; attempt++) {
      port = await freePort(port);
      this.#credentials = makeCredentials(password, port, null);
      const started = await this.#launch();
      const how = await Promise.race([started.exited, this.#ready(READY_TIMEOUT_MS)]);
      if (how === undefined) return;
      const words = await lastWords(this.files);
      // Somebody else may take the port between our look and the server's start.
      if (attempt < START_ATTEMPTS && words.includes('address already in use')) {
        port = 0;
        continue;
      }
      throw new LearnerError('nats_setup', `${this.binary.path} ${how}: ${words} (its log: ${this.files.log})`);
    }
  }

  async #launch(): Promise<ServerProcess> {
    await pruneLogs(this.files);
    const config = serverConfig(this.files, this.#credentials, this.options.maxFileStore ?? MAX_FILE_STORE);
    await writePrivately(this.files.config, config);
    this.#process = await ServerProcess.start(this.binary.path, this.files);
    await this.#writeCredentials();
    return this.#process;
  }

  /** Resolves with nothing when JetStream answers, with words when it takes too long or we stop. */
  async #ready(timeoutMs: number): Promise<string | undefined> {
    const { log } = this.options;
    const { exited } = this.#process!;
    const end = new AbortController();
    void exited.then(() => end.abort());
    const signal = AbortSignal.any([end.signal, this.#abort.signal, AbortSignal.timeout(timeoutMs)]);
    const waiting = (problem: string) => log('info', `waiting for nats-server to read its store: ${problem}`);
    try {
      await untilReady(this.#credentials, waiting, signal);
      return undefined;
    } catch {
      return `did not get ready in ${timeoutMs / 60_000} minutes`;
    }
  }

  /** Starts the server again whenever it dies. There is never a second one: it begins when the last one has ended. */
  async #supervise(): Promise<void> {
    const { log } = this.options;
    let waitMs = FIRST_RESTART_MS;
    while (!this.#abort.signal.aborted) {
      const began = Date.now();
      const how = (await this.#process?.exited) ?? 'could not be started';
      if (this.#abort.signal.aborted) return;
      if (Date.now() - began > HEALTHY_MS) waitMs = FIRST_RESTART_MS;
      log('error', `nats-server ${how}; starting it again in ${waitMs} ms`, { log: this.files.log });
      for (const listener of this.#listeners) listener(how);
      await delay(waitMs, undefined, { signal: this.#abort.signal }).catch(() => {});
      if (this.#abort.signal.aborted) return;
      waitMs = Math.min(2 * waitMs, SLOWEST_RESTART_MS);
      this.#process = undefined;
      await this.#restart().catch((error: Error) => log('error', `nats-server can't be started: ${error.message}`));
    }
  }

  async #restart(): Promise<void> {
    const started = await this.#launch();
    // Asked to stop while it was being launched: stop() has not seen this one.
    if (this.#abort.signal.aborted) return started.end(STOP_PATIENCE_MS);
    const problem = await Promise.race([started.exited, this.#ready(READY_TIMEOUT_MS)]);
    if (problem === undefined)
      this.options.log('info', `nats-server runs again on ${this.host}:${this.port}`, {
        event: 'nats_server',
        natsPid: this.pid,
      });
  }

  async #writeCredentials(): Promise<void> {
    if (this.port === 0) return;
    const { password, port } = this.#credentials;
    const text = JSON.stringify(makeCredentials(password, port, this.pid ?? null), undefined, 2);
    await writePrivately(this.files.credentials, `${text}\n`);
  }
}
