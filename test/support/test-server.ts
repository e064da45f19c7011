import { once } from 'node:events';
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { type Logger, pino } from 'pino';
import { inference, learning, type ModelInferRequest, type ModelInferResponse__Output } from '../../protos/index.js';
import type { HeadModel } from '../../src/learner/index.js';
import { parseConfig } from '../../src/server/config/index.js';
import { type RunningServer, type ServeParts, serve } from '../../src/server/serve.js';
import { FakeBackbone, type FakeBackboneOptions } from './fake-backbone.js';
import { FakeLearning } from './fake-learning.js';

export interface TestServerOptions {
  /** YAML laid over ports 0, a backbone `tiny` and a head `pets`. */
  readonly set?: readonly string[];
  readonly backbone?: FakeBackboneOptions;
  readonly learning?: FakeLearning;
  readonly parts?: Partial<ServeParts>;
  /** Default: silent. */
  readonly log?: Logger;
  readonly metadata?: Metadata;
}

export interface TestServer {
  readonly running: RunningServer;
  readonly backbone: FakeBackbone;
  readonly learning: FakeLearning;
  readonly inference: InstanceType<typeof inference.GRPCInferenceService>;
  readonly teacher: InstanceType<typeof learning.LearningService>;
  readonly address: string;
  infer(request: ModelInferRequest, deadlineMs?: number): Promise<ModelInferResponse__Output>;
  get(path: string): Promise<{ status: number; body: string }>;
  close(): Promise<void>;
}

const CONFIG = `
server: { grpcPort: 0, httpPort: 0, warmUp: false }
log: { level: error }
images: { decoders: 1 }
backbones: [{ name: tiny, model: none.onnx, image: { size: 4, resize: 4 } }]
heads: [{ name: pets, backbone: tiny }]
`;

/** Class c's score is the c-th value of the embedding. */
export const PETS = {
  classes: ['cat', 'dog', 'eel'],
  dimensions: 3,
  weights: Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1),
  bias: new Float32Array(3),
};

/** The whole server on free ports, with a backbone and a learner's side that are kept in memory. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const config = parseConfig(CONFIG, { baseDir: '/nowhere', set: options.set ?? [] });
  const backbone = new FakeBackbone(options.backbone);
  const fake = options.learning ?? new FakeLearning();
  const parts: ServeParts = {
    loadBackbone: async () => backbone,
    startLearning: async ({ heads }) => {
      for (const head of heads) if (fake.heads.status(head.name) === undefined) fake.heads.add(head);
      return fake;
    },
    classify: softmaxOfLogits,
    ...options.parts,
  };
  const running = await serve(config, options.log ?? pino({ level: 'silent' }), parts);
  const address = `127.0.0.1:${running.grpcPort}`;
  const channel = { 'grpc.max_send_message_length': -1, 'grpc.max_receive_message_length': -1 };
  const client = new inference.GRPCInferenceService(address, credentials.createInsecure(), channel);
  const teacher = new learning.LearningService(address, credentials.createInsecure(), channel);
  return {
    ...{ running, backbone, learning: fake, inference: client, teacher, address },
    infer: (request, deadlineMs = 60_000) =>
      new Promise((resolve, reject) => {
        client.ModelInfer(
          request,
          options.metadata ?? new Metadata(),
          { deadline: Date.now() + deadlineMs },
          (error, response) => {
            if (error) reject(error);
            else resolve(response!);
          },
        );
      }),
    get: async (path) => {
      const response = await fetch(`http://127.0.0.1:${running.httpPort}${path}`);
      return { status: response.status, body: await response.text() };
    },
    close: async () => {
      client.close();
      teacher.close();
      await running.close();
    },
  };
}

/** A unary call as a promise. */
export function call<Request, Response>(
  method: (request: Request, callback: (error: ServiceError | null, response?: Response) => void) => unknown,
  self: unknown,
  request: Request,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    method.call(self, request, (error, response) => {
      if (error) reject(error);
      else resolve(response!);
    });
  });
}

/** The error that a call ends with. @throws when it succeeds. */
export async function failure(promise: Promise<unknown>): Promise<ServiceError & { metadata: Metadata }> {
  try {
    await promise;
  } catch (error) {
    return error as ServiceError;
  }
  throw new Error('the call succeeded');
}

/** BYTES elements as raw contents. */
export function rawStrings(...values: (string | Uint8Array)[]): Buffer {
  return Buffer.concat(
    values.flatMap((value) => {
      const bytes = typeof value === 'string' ? Buffer.from(value) : Buffer.from(value);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );
}

/** BYTES elements from raw contents. */
export function readRawStrings(raw: Buffer): string[] {
  const values: string[] = [];
  for (let offset = 0; offset < raw.length; ) {
    const length = raw.readUInt32LE(offset);
    values.push(raw.toString('utf8', offset + 4, offset + 4 + length));
    offset += 4 + length;
  }
  return values;
}

export const rawFloats = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer);

export function readRawFloats(raw: Buffer): number[] {
  return Array.from({ length: raw.length / 4 }, (_, index) => raw.readFloatLE(index * 4));
}

/** Every event `name` until the emitter ends. */
export async function collect<T>(stream: NodeJS.EventEmitter, name = 'data'): Promise<T[]> {
  const values: T[] = [];
  stream.on(name, (value: T) => values.push(value));
  await once(stream, 'end');
  return values;
}

function softmaxOfLogits({ classes, weights, bias, dimensions }: HeadModel, embedding: Float32Array): Float32Array {
  const logits = classes.map((_, c) => {
    let sum = bias[c]!;
    for (let d = 0; d < dimensions; d++) sum += weights[c * dimensions + d]! * embedding[d]!;
    return sum;
  });
  const largest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const total = powers.reduce((a, b) => a + b, 0);
  return Float32Array.from(powers, (power) => power / total);
}
