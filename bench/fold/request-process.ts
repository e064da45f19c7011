// Sends head requests at a steady rate and notes how long each took: a process of its own, so that nothing else holds up its clock.
import { credentials } from '@grpc/grpc-js';
import { inference } from '../../protos/index.js';
import type { Answered } from './request-delays.js';

export interface RequestSetting {
  readonly grpcPort: number;
  readonly head: string;
  readonly dimensions: number;
}

export type RequestMessage =
  | { readonly connect: RequestSetting }
  /** Answers with `{ answered }` once all are answered. */
  | { readonly send: { readonly perSecond: number; readonly seconds: number } };

const DEADLINE_MS = 10_000;
let setting: RequestSetting;
let client: InstanceType<typeof inference.GRPCInferenceService>;

async function connect(given: RequestSetting): Promise<object> {
  setting = given;
  client = new inference.GRPCInferenceService(`127.0.0.1:${given.grpcPort}`, credentials.createInsecure());
  return {};
}

async function send(perSecond: number, seconds: number): Promise<{ answered: Answered[] }> {
  const start = performance.now();
  const count = Math.round(perSecond * seconds);
  const requests: Promise<Answered>[] = [];
  while (requests.length < count) {
    const now = performance.now() - start;
    const due = Math.min(count, Math.ceil((now * perSecond) / 1000));
    // Those that this process is late with are sent all the same, and timed from when they are sent.
    while (requests.length < due) requests.push(ask(requests.length, start));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return { answered: await Promise.all(requests) };
}

function ask(index: number, start: number): Promise<Answered> {
  const { head, dimensions } = setting;
  const embedding = Float32Array.from({ length: dimensions }, (_, i) => Math.abs(Math.sin(index + i)));
  const request = {
    modelName: head,
    inputs: [{ name: 'embedding', datatype: 'FP32', shape: [1, dimensions] }],
    rawInputContents: [Buffer.from(embedding.buffer)],
  };
  const sent = performance.now();
  return new Promise((resolve) => {
    client.ModelInfer(request, { deadline: Date.now() + DEADLINE_MS }, (error, response) => {
      const answered = performance.now();
      resolve({
        sentMs: sent - start,
        tookMs: answered - sent,
        version: Number(response?.modelVersion ?? 0),
        error: error?.message,
      });
    });
  });
}

process.on('message', (message: RequestMessage) => {
  const work = 'connect' in message ? connect(message.connect) : send(message.send.perSecond, message.send.seconds);
  work.then(
    (result) => process.send?.(result),
    (error: Error) => process.send?.({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit(0));
