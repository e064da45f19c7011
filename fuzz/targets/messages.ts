// Requests of both services, as bytes, through the real deserialiser, the real handlers and the real serialiser of a whole server,
// but without a connection: many more than `wire` can send.
import { EventEmitter } from 'node:events';
import { type handleUnaryCall, type Metadata, Server, type ServiceError } from '@grpc/grpc-js';
import { startTestServer } from '../../test/support/test-server.js';
import type { FuzzTarget } from '../target.js';
import { keepPets, METHODS, type Method, methodOf, nameOf, requests } from './requests.js';

type Handler = handleUnaryCall<unknown, unknown>;
type Handlers = Record<string, Handler>;

/** What bad requests may not lead to. */
const BAD = new Set(['internal', 'run_failed', 'deadline_exceeded', 'cancelled']);

export const messages: FuzzTarget = {
  ...requests,
  name: 'messages',
  concurrency: 8,
  async open() {
    const { handlers, credentials, server } = await startAndCapture();
    return {
      async run(input) {
        const method = methodOf(input);
        const bytes = Buffer.from(input.subarray(1));
        // Streams are what `wire` is for; their messages are read here.
        const request = deserialize(method, bytes);
        if (request === undefined || method.requestStream || method.responseStream) return;
        keepPets(server);
        const response = await answer(handlers[nameOf(method)]!, request, credentials);
        (method.responseSerialize as (value: unknown) => Buffer)(response);
      },
      close: () => server.close(),
    };
  },
};

/** undefined: refused, as grpc-js refuses what its deserialiser throws on. */
function deserialize(method: Method, bytes: Buffer): unknown {
  try {
    return method.requestDeserialize(bytes);
  } catch {
    return undefined;
  }
}

/** The handlers of a server, and the metadata of a call that its interceptors let in: they are what says who calls. */
async function startAndCapture() {
  const handlers: Handlers = {};
  const calls: { metadata: Metadata }[] = [];
  const addService = Server.prototype.addService;
  Server.prototype.addService = function (this: Server, service, implementation) {
    const own = implementation as unknown as Handlers;
    if (METHODS.some(({ path }) => Object.values(service).some((method) => method.path === path))) {
      Object.assign(handlers, own);
    }
    const live = own.ServerLive;
    const watched: Handler = (call, callback) => {
      calls.push(call);
      live!(call, callback);
    };
    addService.call(this, service, live === undefined ? implementation : { ...implementation, ServerLive: watched });
  };
  const server = await startTestServer({ set: ['images.maxPixels=100000'] }).finally(() => {
    Server.prototype.addService = addService;
  });
  const error = await new Promise<ServiceError | null>((resolve) => server.inference.ServerLive({}, resolve));
  if (error) throw error;
  return { handlers, credentials: calls[0]!.metadata, server };
}

/** @throws an Error named as the declared ones when the answer is one of them */
function answer(handler: Handler, request: unknown, metadata: Metadata): Promise<unknown> {
  const call = Object.assign(new EventEmitter(), {
    ...{ request, metadata, cancelled: false, getDeadline: () => Number.POSITIVE_INFINITY },
    getPeer: () => '127.0.0.1:1',
  });
  return new Promise((resolve, reject) => {
    handler(call as never, (error, response) => {
      if (!error) return resolve(response);
      const code = String((error as ServiceError).metadata?.get('headwater-error')[0]);
      reject(Object.assign(new Error(`${code}: ${error.details}`), BAD.has(code) ? {} : { name: 'StatusError' }));
    });
  });
}
