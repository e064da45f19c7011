// A server as a child process: started, waited for, stopped. What it says last is kept for the error message.
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { pinned } from './pinning.js';

const READY_TIMEOUT_MS = 180_000;
const KEPT = 4000;

/** Those that run: none outlives the load test, however that ends. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGTERM');
});

export interface ChildServerOptions {
  readonly name: string;
  readonly command: readonly string[];
  readonly core?: number | undefined;
  readonly isReady: () => Promise<boolean>;
}

export class ChildServer {
  private said = '';

  private constructor(
    private readonly name: string,
    private readonly child: ChildProcess,
  ) {}

  /** Resolves when it is ready. @throws Error with its last words when it ends, or is not ready in three minutes */
  static async start({ name, command, core, isReady }: ChildServerOptions): Promise<ChildServer> {
    const [file = '', ...args] = pinned(core, command);
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    child.once('exit', () => running.delete(child));
    const server = new ChildServer(name, child);
    const keep = (chunk: Buffer) => {
      server.said = `${server.said}${chunk}`.slice(-KEPT);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    try {
      for (const start = performance.now(); !(await isReady()); await delay(200)) {
        server.assertRunning();
        if (performance.now() - start > READY_TIMEOUT_MS) throw new Error(`${name} is not ready: ${server.said}`);
      }
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** @throws Error with its last words when it has ended */
  assertRunning(): void {
    const { exitCode, signalCode } = this.child;
    if (exitCode !== null || signalCode !== null) {
      throw new Error(`${this.name} ended (${exitCode ?? signalCode}): ${this.said}`);
    }
  }

  /** Asks it to end, and waits. @returns its exit status; a signal's name when one ended it */
  async stop(): Promise<number | string> {
    const { child } = this;
    if (child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await gone;
    }
    return child.exitCode ?? child.signalCode ?? 'unknown';
  }
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
