// Requests of both services, as bytes on a connection, to a whole server whose backbone and learner's side are kept in memory.
import {
  type ClientReadableStream,
  credentials,
  makeGenericClientConstructor,
  type ServiceError,
  status as Status,
} from '@grpc/grpc-js';
import { rawFloats, startTestServer } from '../../test/support/test-server.js';
import type { FuzzTarget } from '../target.js';
import { keepPets, METHODS, type Method, methodOf, requests } from './requests.js';

const DEADLINE_MS = 100_000;
const CONNECTIONS = 4;
export const wire: FuzzTarget = {
  name: 'wire',
  concurrency: 32,
  ...requests,
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
        const method = methodOf(input);
        prepare();
        const error = await call(clients[calls++ % CONNECTIONS] as never, method, Buffer.from(input.subarray(1)));
        const bad = [Status.INTERNAL, Status.UNKNOWN, Status.DEADLINE_EXCEEDED, Status.DATA_LOSS];
        if (error !== undefined && bad.includes(error.code)) throw new Error(`${method.path}: ${error.message}`);
      },
      async check() {
        prepare();
        await server.infer({
          modelName: 'pets',
          inputs: [{ name: 'embedding', datatype: 'FP32', shape: [1, 3] }],
          rawInputContents: [rawFloats(1, 2, 3)],
        });
      },
      async close() {
        for (const client of clients) client.close();
        await server.close();
      },
    };
  },
};

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
