import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { stringify } from 'yaml';
import { freePort } from './nats.js';
import { ROOT } from './repository.js';
import { temporaryFolder } from './test-learning.js';
import { until } from './until.js';

/** The service as users run it: a process of its own. */
export interface ServerProcess {
  readonly grpc: string;
  readonly http: string;
  readonly dataDir: string;
  /** Contents of nats.json. */
  natsUrl(): string;
  readonly pid: number;
  /** Starts it (again) and resolves when it is ready. */
  start(): Promise<void>;
  kill9(): Promise<void>;
  /** SIGTERM; resolves with the exit status. */
  stop(): Promise<number | null>;
  metrics(): Promise<Metrics>;
  readonly output: () => string;
}

/** Values of /metrics. */
export interface Metrics {
  /** Sum over all series of that name with these labels; undefined when there is none. */
  value(name: string, labels?: Record<string, string>): number | undefined;
  readonly text: string;
}

export const tinyBackbone = {
  name: 'tiny',
  model: join(ROOT, 'models/tiny_acdc90.onnx'),
  threads: 1,
  image: {
    size: 96,
    resize: 110,
    channels: 'rgb',
    scale: 255,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  },
};

/** A server with a data directory of its own; ended with the test. `config` is merged over a small default. */
export async function startServer(
  t: Pick<TestContext, 'after'>,
  config: Record<string, unknown> = {},
): Promise<ServerProcess> {
  const folder = temporaryFolder(t);
  const ports = { grpcPort: await freePort(), httpPort: await freePort() };
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir);
  const file = join(folder, 'headwater.yaml');
  const whole = {
    dataDir,
    backbones: [tinyBackbone],
    heads: [{ name: 'pets', backbone: 'tiny', classes: 'open' }],
    ...config,
    server: { host: '127.0.0.1', ...ports, drainDelay: '0ms', ...(config.server as object | undefined) },
  };
  writeFileSync(file, stringify(whole));
  const server = new Process(file, dataDir, ports);
  t.after(() => server.end());
  await server.start();
  return server;
}

class Process implements ServerProcess {
  private child: ChildProcess | undefined;
  private text = '';

  constructor(
    private readonly file: string,
    readonly dataDir: string,
    private readonly ports: { grpcPort: number; httpPort: number },
  ) {}

  readonly output = () => this.text.slice(-4_000);

  get grpc(): string {
    return `127.0.0.1:${this.ports.grpcPort}`;
  }

  get http(): string {
    return `http://127.0.0.1:${this.ports.httpPort}`;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  natsUrl(): string {
    return JSON.parse(readFileSync(join(this.dataDir, 'nats.json'), 'utf8')).url;
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [join(ROOT, 'bin/headwater.js'), 'serve', '--config', this.file], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (this.text += data));
    let why = '';
    await until(
      'the server is ready',
      async () => {
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`the server ended:\n${this.output()}`);
        try {
          const answer = await fetch(`${this.http}/readyz`);
          why = await answer.text();
          return answer.ok;
        } catch {
          return false;
        }
      },
      { timeoutMs: 120_000, state: () => [why, this.output()] },
    );
  }

  async kill9(): Promise<void> {
    await this.signal('SIGKILL');
  }

  stop(): Promise<number | null> {
    return this.signal('SIGTERM');
  }

  /** Ends it, and the nats-server that it may have left behind. */
  async end(): Promise<void> {
    await this.stop();
    try {
      process.kill(JSON.parse(readFileSync(join(this.dataDir, 'nats.json'), 'utf8')).pid, 'SIGKILL');
    } catch {
      // None was left.
    }
  }

  async metrics(): Promise<Metrics> {
    const text = await (await fetch(`${this.http}/metrics`)).text();
    return {
      text,
      value: (name, labels = {}) => {
        const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
        const lines = text
          .split('\n')
          .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
          .filter((line) => wanted.every((label) => line.includes(label)));
        if (lines.length === 0) return undefined;
        return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
      },
    };
  }

  private async signal(name: NodeJS.Signals): Promise<number | null> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    child.kill(name);
    return ended;
  }
}
