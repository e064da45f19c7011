import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { credentials } from '@grpc/grpc-js';
import { stringify } from 'yaml';
import { type Head__Output, inference, learning } from '../../protos/index.js';
import type { ModelSpec } from '../onnx/model-spec.js';
import { buildModel } from '../onnx/write-model.js';
import { cpuMs, freePorts } from './processes.js';

export const HEAD = 'bench';
const READY_TIMEOUT_MS = 120_000;
const DEADLINE_MS = 20_000;
const IMAGE = { size: 8, resize: 8, channels: 'rgb', scale: 255, mean: [0, 0, 0], std: [1, 1, 1] } as const;

export interface ReplicaSetting {
  readonly folder: string;
  readonly natsUrls: readonly string[];
  readonly dimensions: number;
  readonly classes: readonly string[];
  /** Samples after which a version is written; nothing else makes one. */
  readonly versionEvery: number;
}

/** One `headwater serve` with all roles on the cluster, and its clients. Nothing goes through its backbone: requests bring embeddings. */
export class Replica {
  readonly #inference: InstanceType<typeof inference.GRPCInferenceService>;
  readonly #learning: InstanceType<typeof learning.LearningService>;

  private constructor(
    private readonly process: ChildProcess,
    grpcPort: number,
  ) {
    const address = `127.0.0.1:${grpcPort}`;
    this.#inference = new inference.GRPCInferenceService(address, credentials.createInsecure());
    this.#learning = new learning.LearningService(address, credentials.createInsecure());
  }

  /** @throws Error with what it logged last when it does not become ready */
  static async start({ folder, natsUrls, dimensions, classes, versionEvery }: ReplicaSetting): Promise<Replica> {
    mkdirSync(folder, { recursive: true });
    const model = join(folder, 'backbone.onnx');
    writeFileSync(model, buildModel(backbone(dimensions)));
    const [grpcPort, httpPort] = await freePorts(2);
    const config = {
      dataDir: './data',
      // No balancer has to hear of its end.
      server: { grpcPort, httpPort, drainDelay: '0ms' },
      log: { level: 'warn' },
      nats: { url: natsUrls, replicas: natsUrls.length },
      // Versions come when they are wanted, so that what they cost is told from what labels cost.
      snapshots: { interval: '1h', everySamples: versionEvery, stateEvery: '1h' },
      backbones: [{ name: 'flat', model, engine: 'onnxruntime', threads: 1, output: 'features', image: IMAGE }],
      heads: [{ name: HEAD, backbone: 'flat', classes, learner: { train: ['sgd'] } }],
    };
    const file = join(folder, 'headwater.yaml');
    writeFileSync(file, stringify(config));
    const child = fork(new URL('../fold/server-process.js', import.meta.url), [file], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let log = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      log = `${log}${chunk}`.slice(-2_000);
    });
    const replica = new Replica(child, grpcPort!);
    for (const start = performance.now(); !(await isReady(httpPort!)); await delay(100)) {
      const late = performance.now() - start > READY_TIMEOUT_MS;
      if (!late && child.exitCode === null) continue;
      await replica.stop();
      throw new Error(`a replica is not ready: ${log}`);
    }
    return replica;
  }

  cpuMs(): number {
    return cpuMs(this.process.pid ?? 0);
  }

  /** @returns whether a label for the id can join. @throws Error when the request fails */
  predict(id: string, embedding: Float32Array): Promise<boolean> {
    const request = {
      modelName: HEAD,
      id,
      inputs: [{ name: 'embedding', datatype: 'FP32', shape: [1, embedding.length] }],
      rawInputContents: [Buffer.from(embedding.buffer, embedding.byteOffset, embedding.byteLength)],
    };
    return new Promise((resolve, reject) => {
      this.#inference.ModelInfer(request, deadline(), (error, response) => {
        if (error) reject(error);
        else resolve(response?.parameters?.recorded?.boolParam ?? false);
      });
    });
  }

  /** The head as this process knows it. */
  head(): Promise<Head__Output> {
    return new Promise((resolve, reject) => {
      this.#learning.ListHeads({}, deadline(), (error, response) => {
        const head = response?.heads?.find(({ name }) => name === HEAD);
        if (head) resolve(head);
        else reject(error ?? new Error(`there is no head ${HEAD}`));
      });
    });
  }

  /** SIGTERM; resolves once it is gone. */
  async stop(): Promise<void> {
    const { process } = this;
    if (process.exitCode === null && process.signalCode === null) {
      const gone = new Promise((resolve) => process.once('exit', resolve));
      process.kill('SIGTERM');
      await gone;
    }
    this.#inference.close();
    this.#learning.close();
  }
}

function deadline() {
  return { deadline: Date.now() + DEADLINE_MS };
}

function backbone(dimensions: number): ModelSpec {
  return {
    inputs: [{ name: 'x', shape: ['N', 3, IMAGE.size, IMAGE.size] }],
    outputs: [{ name: 'features', shape: ['N', dimensions] }],
    nodes: [
      { op: 'GlobalAveragePool', inputs: ['x'], outputs: ['pooled'] },
      { op: 'Flatten', inputs: ['pooled'], outputs: ['flat'] },
      { op: 'MatMul', inputs: ['flat', 'w'], outputs: ['features'] },
    ],
    weights: { w: { dims: [3, dimensions], values: new Float32Array(3 * dimensions).fill(1) } },
  };
}

async function isReady(httpPort: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${httpPort}/readyz`)).ok;
  } catch {
    return false;
  }
}
