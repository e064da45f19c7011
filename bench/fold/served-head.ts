import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { loadBackbone } from '../../src/engine/index.js';
import type { ModelSpec } from '../onnx/model-spec.js';
import { buildModel } from '../onnx/write-model.js';
import type { Delays } from './results.js';

export const HEAD = 'bench';
const OUTPUT = 'features';
const READY_TIMEOUT_MS = 180_000;
/** At rest it uses less than this share of a core. */
const REST_SHARE = 0.05;
const REST_MS = 500;
const REST_TIMEOUT_MS = 20_000;
const IMAGE = { size: 8, resize: 8, channels: 'rgb', scale: 255, mean: [0, 0, 0], std: [1, 1, 1] } as const;

export interface ServedHeadSetting {
  readonly folder: string;
  readonly dimensions: number;
  readonly classes: readonly string[];
  readonly train: 'auto' | readonly string[];
  readonly versionEveryMs: number;
}

/** `headwater serve`, whose event loop is watched, with one head on a backbone that nothing is sent through. */
export class ServedHead {
  private constructor(
    private readonly process: ChildProcess,
    readonly dataDir: string,
    readonly grpcPort: number,
    readonly backboneIdentity: string,
  ) {}

  static async start(setting: ServedHeadSetting): Promise<ServedHead> {
    const { folder, dimensions, classes, train, versionEveryMs } = setting;
    mkdirSync(folder, { recursive: true });
    const model = join(folder, 'backbone.onnx');
    writeFileSync(model, buildModel(backbone(dimensions)));
    const [grpcPort, httpPort] = [await freePort(), await freePort()];
    const config = {
      dataDir: './data',
      server: { grpcPort, httpPort },
      log: { level: 'warn' },
      // The learners' states are no part of a swap: their storing, minutes apart for large ones, would be measured at rest as well as not.
      snapshots: { interval: `${versionEveryMs}ms`, stateEvery: '1h' },
      // Its answers are not labelled here: records would only measure nats-server.
      labels: { record: 'async' },
      backbones: [
        { name: 'flat', model: './backbone.onnx', engine: 'onnxruntime', threads: 1, output: OUTPUT, image: IMAGE },
      ],
      heads: [{ name: HEAD, backbone: 'flat', classes, learner: { train } }],
    };
    const file = join(folder, 'headwater.yaml');
    writeFileSync(file, stringify(config));
    const child = fork(new URL('./server-process.js', import.meta.url), [file], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let log = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      log = `${log}${chunk}`.slice(-2000);
    });
    const head = new ServedHead(child, join(folder, 'data'), grpcPort, await identityOf(model));
    try {
      for (const start = performance.now(); !(await isReady(httpPort)); await delay(100)) {
        if (child.exitCode !== null) throw new Error(`the server ended: ${log}`);
        if (performance.now() - start > READY_TIMEOUT_MS) throw new Error(`the server is not ready: ${log}`);
      }
      return head;
    } catch (error) {
      await head.stop();
      throw error;
    }
  }

  /** Of its event loop since the last call. */
  loopDelays(): Promise<Delays> {
    return this.#ask('delays');
  }

  /** Resolves when it has nothing to do any more: the last version and the last state are stored. It gives up waiting after a while. */
  async atRest(): Promise<void> {
    const end = performance.now() + REST_TIMEOUT_MS;
    let { cpuMs } = await this.#ask<{ cpuMs: number }>('cpu');
    for (let busy = true; busy && performance.now() < end; ) {
      await delay(REST_MS);
      const now = (await this.#ask<{ cpuMs: number }>('cpu')).cpuMs;
      busy = now - cpuMs > REST_SHARE * REST_MS;
      cpuMs = now;
    }
  }

  #ask<Answer>(what: 'delays' | 'cpu'): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const onExit = () => reject(new Error('the server ended'));
      this.process.once('exit', onExit);
      this.process.once('message', (answer: Answer) => {
        this.process.off('exit', onExit);
        resolve(answer);
      });
      this.process.send(what);
    });
  }

  async stop(): Promise<void> {
    const { process } = this;
    if (process.exitCode !== null || process.signalCode !== null) return;
    const gone = new Promise((resolve) => process.once('exit', resolve));
    process.kill('SIGTERM');
    await gone;
  }
}

/** Some picture to so many numbers: all that matters here is how many. */
function backbone(dimensions: number): ModelSpec {
  return {
    inputs: [{ name: 'x', shape: ['N', 3, IMAGE.size, IMAGE.size] }],
    outputs: [{ name: OUTPUT, shape: ['N', dimensions] }],
    nodes: [
      { op: 'GlobalAveragePool', inputs: ['x'], outputs: ['pooled'] },
      { op: 'Flatten', inputs: ['pooled'], outputs: ['flat'] },
      { op: 'MatMul', inputs: ['flat', 'w'], outputs: [OUTPUT] },
    ],
    weights: { w: { dims: [3, dimensions], values: new Float32Array(3 * dimensions).fill(1) } },
  };
}

/** As the server will say it: samples of another backbone are refused. */
async function identityOf(model: string): Promise<string> {
  const options = {
    name: 'bench',
    model,
    engine: 'onnxruntime',
    threads: 1,
    output: OUTPUT,
    image: IMAGE,
    isa: 'auto',
  } as const;
  const loaded = await loadBackbone(options, () => {});
  await loaded.close();
  return loaded.identity;
}

async function isReady(httpPort: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${httpPort}/readyz`)).ok;
  } catch {
    return false;
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
