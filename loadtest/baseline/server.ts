// What a team would write in an afternoon: @grpc/grpc-js, sharp, and onnxruntime-node in a worker thread. One image after the other: no
// batching, no limit on what waits. It speaks the same protocol and runs the same file; its label is the network's best class.
//
//   node dist/loadtest/baseline/server.js '{"port":8001,"model":"resnet50.onnx","threads":1,"image":{...}}'
import { Worker } from 'node:worker_threads';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import sharp from 'sharp';
import { type GRPCInferenceServiceHandlers, inference, type ModelInferRequest__Output } from '../../protos/index.js';
import type { Answer, Job, WorkerSetting } from './worker.js';

interface Settings extends WorkerSetting {
  readonly port: number;
  readonly image: { readonly size: number; readonly resize: number } & WorkerSetting['image'];
}

const settings = JSON.parse(process.argv[2] ?? '') as Settings;
const { size, resize } = settings.image;
const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: settings });
const waiting = new Map<number, { resolve: (best: number) => void; reject: (error: Error) => void }>();
let next = 0;

worker.on('message', (answer: Answer | 'ready') => {
  if (answer === 'ready') return listen();
  const caller = waiting.get(answer.id);
  waiting.delete(answer.id);
  if (answer.error === undefined) caller?.resolve(answer.best);
  else caller?.reject(new Error(answer.error));
});
worker.on('error', (error) => {
  console.error(error);
  process.exit(1);
});

function classify(pixels: Uint8Array): Promise<number> {
  const id = next++;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    const job: Job = { id, pixels: Uint8Array.from(pixels) };
    worker.postMessage(job, [job.pixels.buffer as ArrayBuffer]);
  });
}

async function decode(jpeg: Uint8Array): Promise<Uint8Array> {
  const margin = Math.floor((resize - size) / 2);
  return sharp(jpeg)
    .autoOrient()
    .toColourspace('srgb')
    .resize(resize, resize, { fit: 'cover', kernel: 'linear' })
    .extract({ left: margin, top: margin, width: size, height: size })
    .removeAlpha()
    .raw()
    .toBuffer();
}

/** Of each image of the request, as many as there are. */
async function readImages(request: ModelInferRequest__Output): Promise<Uint8Array[]> {
  const raw = request.rawInputContents[0] ?? Buffer.alloc(0);
  if (request.inputs[0]?.name === 'pixels') {
    const bytes = size * size * 3;
    return Array.from({ length: raw.length / bytes }, (_, index) => raw.subarray(index * bytes, (index + 1) * bytes));
  }
  const images: Uint8Array[] = [];
  for (let at = 0; at < raw.length; ) {
    const length = raw.readUInt32LE(at);
    images.push(await decode(raw.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  return images;
}

async function infer(request: ModelInferRequest__Output) {
  const labels: string[] = [];
  for (const image of await readImages(request)) labels.push(String(await classify(image)));
  return {
    modelName: request.modelName,
    modelVersion: '1',
    id: request.id,
    outputs: [
      {
        name: 'label',
        datatype: 'BYTES',
        shape: [labels.length],
        contents: { bytesContents: labels.map((label) => Buffer.from(label)) },
      },
    ],
  };
}

function listen(): void {
  const server = new Server({ 'grpc.max_receive_message_length': -1 });
  const handlers: Pick<GRPCInferenceServiceHandlers, 'ModelInfer'> = {
    ModelInfer: (call, callback) => {
      infer(call.request).then(
        (response) => callback(null, response),
        (error: Error) => callback({ code: status.INTERNAL, details: error.message }),
      );
    },
  };
  server.addService(inference.GRPCInferenceService.service, handlers);
  server.bindAsync(`127.0.0.1:${settings.port}`, ServerCredentials.createInsecure(), (error) => {
    if (error) throw error;
  });
}
