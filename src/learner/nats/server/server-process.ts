import { type ChildProcess, spawn } from 'node:child_process';
import { open, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'nats';
import { describeNatsError } from '../connection/errors.js';
import { endProcess } from './processes.js';
import { EMBEDDED_HOST, type ServerCredentials, type ServerFiles } from './server-config.js';

const DIAL_TIMEOUT_MS = 5_000;
const ASK_EVERY_MS = 100;
const WAITING_LOG_MS = 5_000;
const LOGS_KEPT = 2;

/** One run of nats-server, from its start to its end. */
export class ServerProcess {
  /** How it ended, in words; never rejects. */
  readonly exited: Promise<string>;
  #running = true;

  private constructor(private readonly child: ChildProcess) {
    this.exited = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(`does not start: ${error.message}`));
      child.once('exit', (code, signal) =>
        resolve(signal === null ? `exited with ${code}` : `was killed by ${signal}`),
      );
    }).finally(() => {
      this.#running = false;
    });
  }

  /** Starts it on the configuration file written before. */
  static async start(binary: string, files: ServerFiles): Promise<ServerProcess> {
    // A file and no pipe: the server outlives us when we are killed, and writing into a broken pipe would end it.
    const output = await open(files.output, 'w', 0o600);
    try {
      // In a process group of its own: Ctrl-C is for us, and we end the server when its clients are done.
      return new ServerProcess(
        spawn(binary, ['-c', files.config], {
          cwd: files.directory,
          detached: true,
          stdio: ['ignore', output.fd, output.fd],
        }),
      );
    } finally {
      await output.close();
    }
  }

  get pid(): number | undefined {
    return this.#running ? this.child.pid : undefined;
  }

  /** SIGTERM without waiting: for a process that is about to exit. */
  signalEnd(): void {
    if (this.#running) this.child.kill('SIGTERM');
  }

  /** SIGTERM, after a time SIGKILL; resolves once it is gone. */
  async end(patienceMs: number): Promise<void> {
    const { pid } = this;
    if (pid === undefined) return;
    await endProcess(pid, patienceMs);
    await this.exited;
  }
}

/**
 * Resolves when a client gets an answer from JetStream, which can take minutes while a large store is read.
 * @param onWaiting told every 5 s what is in the way
 * @throws when `signal` aborts
 */
export async function untilReady(
  server: ServerCredentials,
  onWaiting: (problem: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let nextLog = Date.now() + WAITING_LOG_MS;
  for (;;) {
    try {
      return await askJetStream(server);
    } catch (error) {
      if (Date.now() >= nextLog) {
        nextLog = Date.now() + WAITING_LOG_MS;
        onWaiting(describeNatsError(error));
      }
    }
    await delay(ASK_EVERY_MS, undefined, { signal });
  }
}

async function askJetStream({ host, port, user, password }: ServerCredentials): Promise<void> {
  const connection = await connect({
    servers: `${host}:${port}`,
    user,
    pass: password,
    timeout: DIAL_TIMEOUT_MS,
    reconnect: false,
  });
  try {
    await connection.jetstreamManager({ checkAPI: true });
  } finally {
    await connection.close();
  }
}

/** `preferred` when nobody listens there, else any free port of the loopback address. */
export async function freePort(preferred: number): Promise<number> {
  if (preferred > 0 && (await listenOnce(preferred)) !== undefined) return preferred;
  const port = await listenOnce(0);
  if (port === undefined) throw new Error(`no free port on ${EMBEDDED_HOST}`);
  return port;
}

async function listenOnce(port: number): Promise<number | undefined> {
  const server = createServer();
  const found = await new Promise<number | undefined>((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(port, EMBEDDED_HOST, () => {
      const address = server.address();
      resolve(typeof address === 'object' ? address?.port : undefined);
    });
  });
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return found;
}

/** The end of what the server printed and logged: why it gave up. */
export async function lastWords(files: ServerFiles): Promise<string> {
  const texts = await Promise.all([files.log, files.output].map((path) => readFile(path, 'utf8').catch(() => '')));
  const lines = texts.flatMap((text) => text.slice(-4_000).split('\n')).filter((line) => line.trim() !== '');
  const fatal = lines.filter((line) => /\[FTL\]|\[ERR\]|nats-server:|panic/.test(line));
  return (fatal.length > 0 ? fatal : lines).slice(-3).join('; ').slice(0, 500) || 'it said nothing';
}

/** nats-server begins another log file at a size and keeps the old ones for ever: all but the newest are removed. */
export async function pruneLogs(files: ServerFiles): Promise<void> {
  // Named by their time, so that their order is their age.
  const names = (await readdir(files.directory)).filter((name) => name.startsWith(`${basename(files.log)}.`)).sort();
  for (const name of names.slice(0, -LOGS_KEPT)) await rm(join(files.directory, name), { force: true });
}
