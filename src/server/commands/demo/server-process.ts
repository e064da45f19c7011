import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../../client/failure.js';
import { packageFolder } from '../../package-folder.js';
import { escapeForTerminal } from '../../terminal/escape.js';

/** Lines of the server's log that are kept for telling why it ended. */
const LINES_KEPT = 8;
const READY_TIMEOUT_MS = 180_000;
const STOP_TIMEOUT_MS = 45_000;

/** `headwater serve` as a child process; its log goes to a file. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #log: WriteStream;
  readonly #lastLines: string[] = [];
  #ended: string | undefined;
  readonly #end: Promise<void>;

  constructor(
    configFile: string,
    readonly logFile: string,
  ) {
    this.#log = createWriteStream(logFile);
    // A disk that is full must not end the demo.
    this.#log.on('error', () => {});
    const bin = join(packageFolder(), 'bin/headwater.js');
    // In a process group of its own: Ctrl-C is for us, and we end the server in order.
    this.#child = spawn(process.execPath, [bin, 'serve', '--config', configFile], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => this.#keep(chunk));
    this.#child.stderr?.on('data', (chunk: Buffer) => this.#keep(chunk));
    this.#end = new Promise((resolve) => {
      this.#child.once('error', (error) => this.#setEnded(`does not start: ${error.message}`, resolve));
      this.#child.once('close', (code, signal) =>
        this.#setEnded(signal === null ? `exited with status ${code}` : `was ended by ${signal}`, resolve),
      );
    });
  }

  /** Resolves once `/readyz` says yes. @throws Failure with the log's last lines when it ends before, or takes too long. */
  async ready(httpPort: number, signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + READY_TIMEOUT_MS;
    while (performance.now() < deadline) {
      signal.throwIfAborted();
      this.throwIfEnded();
      if (await isReady(httpPort)) return;
      await Promise.race([delay(150), this.#end]);
    }
    throw new Failure(`the server is not ready after ${READY_TIMEOUT_MS / 1000} s; ${this.#words()}`);
  }

  /** @throws Failure when it has ended without being asked to. */
  throwIfEnded(): void {
    if (this.#ended !== undefined) throw new Failure(`the server ${this.#ended}; ${this.#words()}`);
  }

  /** Resolves once the process is gone. */
  get ended(): Promise<void> {
    return this.#end;
  }

  /** Asks it to end, and kills it when it does not within 45 s. */
  async stop(): Promise<void> {
    if (this.#ended === undefined) {
      this.#child.kill('SIGTERM');
      const late = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await this.#end;
      clearTimeout(late);
    }
    this.#log.end();
  }

  #setEnded(how: string, resolve: () => void): void {
    this.#ended ??= how;
    resolve();
  }

  #keep(chunk: Buffer): void {
    this.#log.write(chunk);
    this.#lastLines.push(
      ...chunk
        .toString('utf8')
        .split('\n')
        .filter((line) => line.trim() !== ''),
    );
    this.#lastLines.splice(0, this.#lastLines.length - LINES_KEPT);
  }

  #words(): string {
    const lines = this.#lastLines.map((line) => escapeForTerminal(line, 400)).join(' | ');
    return `its last words (all in ${this.logFile}): ${lines || 'none'}`;
  }
}

async function isReady(httpPort: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${httpPort}/readyz`, { signal: AbortSignal.timeout(2000) });
    return response.ok;
  } catch {
    return false;
  }
}

/** The port when it is free on loopback, else another one that is. */
export async function freePortNear(port: number): Promise<number> {
  return (await tryPort(port)) ?? (await tryPort(0)) ?? port;
}

function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : undefined));
    });
  });
}
