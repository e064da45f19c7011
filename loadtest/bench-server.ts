import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { type BenchModel, packageFolder } from './bench-model.js';

export const HEAD = 'bench';
const READY_TIMEOUT_MS = 180_000;

/** `headwater serve` as a child process with a data directory of its own, gone afterwards. */
export class BenchServer {
  readonly #folder = mkdtempSync(join(tmpdir(), 'headwater-bench-'));
  #child: ChildProcess | undefined;
  #log = '';
  grpcPort = 0;
  httpPort = 0;

  async start(model: BenchModel, batch: number, threads: number): Promise<void> {
    this.grpcPort = await freePort();
    this.httpPort = await freePort();
    const config = {
      dataDir: './data',
      server: { grpcPort: this.grpcPort, httpPort: this.httpPort },
      batch: { size: batch },
      log: { level: 'warn' },
      backbones: [{ name: model.name, model: model.path, engine: 'onnxruntime', threads, image: model.image }],
      heads: [{ name: HEAD, backbone: model.name }],
    };
    const file = join(this.#folder, 'headwater.yaml');
    writeFileSync(file, stringify(config));
    const child = spawn(process.execPath, [join(packageFolder(), 'bin/headwater.js'), 'serve', '--config', file], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    const keep = (chunk: Buffer) => {
      this.#log = `${this.#log}${chunk}`.slice(-2000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    for (const start = performance.now(); !(await this.#isReady()); await delay(200)) {
      if (child.exitCode !== null) throw new Error(`the server ended: ${this.#log}`);
      if (performance.now() - start > READY_TIMEOUT_MS) throw new Error(`the server is not ready: ${this.#log}`);
    }
  }

  /** Seconds: p99 of the event loop's delay since the last call. (prom-client starts its histogram anew at each scrape.) */
  async eventLoopP99(): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.httpPort}/metrics`)).text();
    const value = /^nodejs_eventloop_lag_p99_seconds(?:\{[^}]*\})? (\S+)$/m.exec(text)?.[1];
    if (value === undefined) throw new Error('/metrics has no nodejs_eventloop_lag_p99_seconds');
    return Number(value);
  }

  /** Sum and count of the batches so far. */
  async batches(): Promise<{ readonly images: number; readonly count: number }> {
    const text = await (await fetch(`http://127.0.0.1:${this.httpPort}/metrics`)).text();
    const value = (name: string) =>
      Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
    return { images: value('headwater_batch_size_sum'), count: value('headwater_batch_size_count') };
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await gone;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #isReady(): Promise<boolean> {
    try {
      return (await fetch(`http://127.0.0.1:${this.httpPort}/readyz`)).ok;
    } catch {
      return false;
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
