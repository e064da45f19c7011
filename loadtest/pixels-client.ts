// A process of its own: keeps so many `pixels` requests in flight, and counts the answers within a span of time.
import { credentials } from '@grpc/grpc-js';
import { inference } from '../protos/index.js';

export interface ClientSetting {
  readonly server: string;
  readonly head: string;
  readonly size: number;
  /** Requests in flight, one image each. */
  readonly inFlight: number;
}

export interface ClientCount {
  readonly images: number;
  readonly milliseconds: number;
  /** Of each answer, in milliseconds. */
  readonly latencies: readonly number[];
  readonly errors: number;
  readonly lastError: string;
}

/** `run`: count for so many milliseconds, after `warm` milliseconds of the same load. */
export type ClientMessage = { readonly open: ClientSetting } | { readonly run: number; readonly warm: number };

let setting: ClientSetting = { server: '', head: '', size: 0, inFlight: 0 };

function makePixels(size: number): Buffer {
  const pixels = Buffer.alloc(size * size * 3);
  let state = 1;
  for (let index = 0; index < pixels.length; index++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    pixels[index] = state >>> 24;
  }
  return pixels;
}

const asItIs = (serialised: Buffer) => serialised;

async function run(milliseconds: number, warm: number): Promise<ClientCount> {
  const { server, head, size, inFlight } = setting;
  const client = new inference.GRPCInferenceService(server, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  const method = inference.GRPCInferenceService.service.ModelInfer;
  // Serialised once, for the load to be cheap: the server shares the machine.
  const request = method.requestSerialize({
    modelName: head,
    inputs: [{ name: 'pixels', datatype: 'UINT8', shape: [1, size, size, 3] }],
    outputs: [{ name: 'label' }],
    rawInputContents: [makePixels(size)],
  });
  const start = performance.now() + warm;
  const end = start + milliseconds;
  const latencies: number[] = [];
  let errors = 0;
  let lastError = '';
  const caller = async () => {
    while (performance.now() < end) {
      const sent = performance.now();
      const problem = await new Promise<Error | null>((resolve) =>
        client.makeUnaryRequest(method.path, asItIs, method.responseDeserialize, request, (error) => resolve(error)),
      );
      const now = performance.now();
      if (now < start || now >= end) continue;
      if (problem === null) latencies.push(now - sent);
      else {
        errors++;
        lastError = problem.message;
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  client.close();
  return { images: latencies.length, milliseconds, latencies, errors, lastError };
}

process.on('message', (message: ClientMessage) => {
  if ('open' in message) {
    setting = message.open;
    process.send?.({});
    return;
  }
  run(message.run, message.warm).then(
    (count) => process.send?.(count),
    (error: Error) => process.send?.({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit(0));
