// Requests of both services, as bytes on a connection, to a whole server whose backbone and learner's side are kept in memory.
import {
  type ClientReadableStream,
  credentials,
  makeGenericClientConstructor,
  type ServiceError,
  status as Status,
} from '@grpc/grpc-js';
import { inference, learning } from '../../protos/index.js';
import { PETS, rawFloats, rawStrings, startTestServer, type TestServer } from '../../test/support/test-server.js';
import { mutateMessage } from '../mutate/protobuf.js';
import type { FuzzTarget } from '../target.js';

const DEADLINE_MS = 100_000;
const CONNECTIONS = 4;
/** Bytes of nearly every message. */
const LARGEST = 32_768;
/** Heads that fuzzing made are forgotten beyond these. */
const MAX_HEADS = 50;
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAIAAAAmkwkpAAAAEElEQVR4nGP4z8AARwzEcQCukw/x0F8jngAAAABJRU5ErkJggg==',
  'base64',
);

const METHODS = [
  ...Object.values(inference.GRPCInferenceService.service),
  ...Object.values(learning.LearningService.service),
] as const;
type Method = (typeof METHODS)[number];

const INFER = { modelName: 'pets', id: 'a' };
const REQUESTS: Readonly<Record<string, readonly object[]>> = {
  ModelInfer: [
    {
      ...INFER,
      inputs: [{ name: 'embedding', datatype: 'FP32', shape: [1, 3] }],
      rawInputContents: [rawFloats(1, 2, 3)],
    },
    {
      ...INFER,
      inputs: [{ name: 'embedding', datatype: 'FP32', shape: [2, 3], contents: { fp32Contents: [1, 2, 3, 4, 5, 6] } }],
      outputs: [{ name: 'label' }, { name: 'probabilities', parameters: { classification: { int64Param: 2 } } }],
    },
    {
      ...INFER,
      inputs: [{ name: 'pixels', datatype: 'UINT8', shape: [1, 4, 4, 3] }],
      rawInputContents: [Buffer.alloc(48, 9)],
    },
    {
      ...INFER,
      modelVersion: '1',
      inputs: [{ name: 'image', datatype: 'BYTES', shape: [1] }],
      rawInputContents: [rawStrings(PNG)],
    },
    {
      modelName: 'tiny',
      parameters: { heads: { stringParam: 'pets' } },
      inputs: [{ name: 'input', datatype: 'FP32', shape: [1, 3, 4, 4] }],
      rawInputContents: [Buffer.alloc(192)],
    },
    {
      ...INFER,
      inputs: [{ name: 'image', datatype: 'BYTES', shape: [2, 1], contents: { bytesContents: [PNG, PNG] } }],
      outputs: [{ name: 'embedding' }],
    },
  ],
  ModelStreamInfer: [
    {
      ...INFER,
      inputs: [{ name: 'embedding', datatype: 'FP32', shape: [1, 3] }],
      rawInputContents: [rawFloats(1, 2, 3)],
    },
  ],
  ModelMetadata: [{ name: 'pets', version: '1' }],
  ModelReady: [{ name: 'pets' }],
  ModelConfig: [{ name: 'pets' }],
  ModelStatistics: [{ name: 'pets' }, {}],
  RepositoryModelLoad: [
    { repositoryName: '', modelName: 'nobody', parameters: { model: { stringParam: 'other.onnx' } } },
  ],
  RepositoryModelUnload: [{ modelName: 'nobody' }],
  Feedback: [
    {
      head: 'pets',
      labels: [
        { id: 'a', label: 'cat' },
        { id: 'b', label: 'dog' },
      ],
    },
  ],
  StreamFeedback: [{ head: 'pets', labels: [{ id: 'a', label: 'cat' }] }],
  CreateHead: [{ name: 'fish', backbone: 'tiny', classes: ['eel', 'cod'], maxClasses: 5 }],
  DeleteHead: [{ name: 'fish', expectedVersion: 0 }],
  GetHead: [{ name: 'pets' }],
  RollbackHead: [{ name: 'pets', version: 1 }],
  WatchHead: [{ name: 'pets' }],
  PromoteHead: [{ name: 'pets', candidate: 'sgd' }],
  SetLearners: [{ name: 'pets', learners: ['sgd'] }],
  DeleteClass: [{ name: 'pets', className: 'cat' }],
  RenameClass: [{ name: 'pets', from: 'cat', to: 'lion' }],
  ExportHead: [{ name: 'pets' }],
  ImportHead: [{ head: { name: 'new', backbone: 'tiny' }, totalBytes: 100, chunk: Buffer.alloc(100) }],
};

const nameOf = ({ path }: Method) => path.slice(path.lastIndexOf('/') + 1);

export const wire: FuzzTarget = {
  name: 'wire',
  concurrency: 32,
  async seeds() {
    return METHODS.flatMap((method, index) =>
      (REQUESTS[nameOf(method)] ?? [{}]).map((request) =>
        Buffer.concat([Buffer.from([index]), (method.requestSerialize as (value: unknown) => Buffer)(request)]),
      ),
    );
  },
  mutate(random, seeds) {
    // Inference has most that can go wrong.
    const infer = METHODS.findIndex((method) => nameOf(method) === 'ModelInfer');
    const wanted = random.chance(0.5) ? seeds.filter(([index]) => index === infer) : seeds;
    const seed = random.pick(wanted);
    const bytes = mutateMessage(
      random,
      seed.subarray(1),
      seeds.map((other) => other.subarray(1)),
    );
    // Some may be large; all of them would only wait for each other.
    const most = random.chance(0.002) ? bytes.length : LARGEST;
    return Buffer.concat([Buffer.from([seed[0]!]), bytes.subarray(0, most)]);
  },
  async open() {
    const server = await startTestServer({ set: ['images.maxPixels=100000'] });
    const keep = (value: Buffer) => value;
    const definition = Object.fromEntries(
      METHODS.map((method) => [method.path, { ...method, requestSerialize: keep, responseDeserialize: keep }]),
    );
    const Client = makeGenericClientConstructor(definition as never, 'fuzz');
    // Connections of their own: what goes wrong with one is not hidden by the others.
    const clients = Array.from({ length: CONNECTIONS }, (_, index) => {
      return new Client(server.address, credentials.createInsecure(), { 'headwater.fuzz.connection': index });
    });
    let calls = 0;
    const prepare = () => keepPets(server);
    prepare();
    return {
      async run(input) {
        const method = METHODS[input[0]! % METHODS.length]!;
        prepare();
        const error = await call(clients[calls++ % CONNECTIONS] as never, method, Buffer.from(input.subarray(1)));
        const bad = [Status.INTERNAL, Status.UNKNOWN, Status.DEADLINE_EXCEEDED, Status.DATA_LOSS];
        if (error !== undefined && bad.includes(error.code)) throw new Error(`${method.path}: ${error.message}`);
      },
      async check() {
        prepare();
        await server.infer(REQUESTS.ModelInfer![0]!);
      },
      async close() {
        for (const client of clients) client.close();
        await server.close();
      },
    };
  },
};

/** One head that is there and taught, and not too many others: an input finds the same as the one before it. */
function keepPets({ learning: { heads, recorded, labels } }: TestServer): void {
  if (heads.status('pets') === undefined) {
    heads.add({
      name: 'pets',
      backbone: 'tiny',
      backboneIdentity: 'identity-of-tiny',
      dimensions: 3,
      classes: 'open',
      maxClasses: 10,
    } as never);
  }
  if (heads.status('pets')?.latestVersion === 0) heads.teach('pets', PETS);
  const names = heads.list().map(({ definition }) => definition.name);
  if (names.length > MAX_HEADS) for (const name of names) if (name !== 'pets') heads.forget(name);
  recorded.length = 0;
  labels.length = 0;
}

interface RawClient {
  [path: string]: (...args: unknown[]) => never;
}

/** The error that the call ended with; undefined: it was answered. A stream is read to its first message. */
function call(client: RawClient, method: Method, message: Buffer): Promise<ServiceError | undefined> {
  const options = { deadline: Date.now() + DEADLINE_MS };
  const { path, requestStream, responseStream } = method;
  return new Promise((resolve) => {
    const answered = (error: ServiceError | null) => resolve(error ?? undefined);
    if (!responseStream) {
      const started = requestStream ? client[path]!(options, answered) : client[path]!(message, options, answered);
      if (requestStream) end(started, message);
      return;
    }
    const stream = (
      requestStream ? client[path]!(options) : client[path]!(message, options)
    ) as ClientReadableStream<Buffer>;
    stream.on('error', answered);
    stream.on('data', () => {
      stream.cancel();
      resolve(undefined);
    });
    stream.on('end', () => resolve(undefined));
    if (requestStream) end(stream as never, message);
  });
}

function end(stream: { write(message: Buffer): void; end(): void }, message: Buffer): void {
  stream.write(message);
  stream.end();
}
